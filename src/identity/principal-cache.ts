import type { Principal } from './principal.ts'

/**
 * Verified principals by digest of their credential, bounded. Two generations instead of a list in order of use: a
 * hit in the young one costs one lookup and no write; what nobody asked for while a generation filled up is dropped.
 */
export interface PrincipalCache {
  /** Undefined when unknown or too old. */
  get(key: string, now: number): Principal | undefined
  set(key: string, principal: Principal, until: number): void
  clear(): void
  readonly size: number
}

interface Cached {
  readonly principal: Principal
  /** Milliseconds since the epoch, exclusive. */
  readonly until: number
}

/** `capacity`: most entries at any time. */
export function createPrincipalCache(capacity: number): PrincipalCache {
  const half = Math.max(1, Math.floor(capacity / 2))
  let young = new Map<string, Cached>()
  let old = new Map<string, Cached>()

  function insert(key: string, cached: Cached): void {
    if (young.size >= half && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, cached)
    old.delete(key)
  }

  return {
    get(key, now) {
      let cached = young.get(key)
      if (cached === undefined) {
        cached = old.get(key)
        if (cached === undefined) return undefined
        if (now < cached.until) insert(key, cached)
      }
      if (now < cached.until) return cached.principal
      young.delete(key)
      old.delete(key)
      return undefined
    },
    set(key, principal, until) {
      insert(key, { principal, until })
    },
    clear() {
      young.clear()
      old.clear()
    },
    get size() {
      return young.size + old.size
    },
  }
}
