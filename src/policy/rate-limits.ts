import type { Limit } from './decision.ts'

/** Whose request it is. */
export interface Counted {
  /** `principalKey` */
  readonly principal: string
  readonly session: string
}

export interface LimitReached {
  readonly limit: Limit
  /** Whole seconds until the same request passes, at least 1. */
  readonly retryAfter: number
}

export interface RateLimits {
  /** Counts the request against all of the limits, or, when one of them is reached, against none. */
  take(limits: readonly Limit[], of: Counted, now: number): LimitReached | null
}

/** When the last requests passed, oldest at `next` once there are as many as the limit lets through. */
interface Window {
  readonly per: number
  readonly times: number[]
  next: number
}

const MOST_WINDOWS = 20_000
const MOST_TIMES = 1_000_000

/**
 * Counts of this gateway process: any stretch of `per` holds at most `count` requests. Memory is bounded (8 MB of times);
 * when it is used up by windows that are still running, who is new is refused: a count that is thrown away would let
 * through what a rule stops.
 */
export function createRateLimits(most = { windows: MOST_WINDOWS, times: MOST_TIMES }): RateLimits {
  const windows = new Map<string, Window>()
  let times = 0

  function makeRoom(now: number): boolean {
    if (windows.size < most.windows && times < most.times) return true
    for (const [key, window] of windows) {
      const newest = window.times[(window.next + window.times.length - 1) % window.times.length]!
      if (now - newest < window.per) continue
      times -= window.times.length
      windows.delete(key)
    }
    return windows.size < most.windows && times < most.times
  }

  return {
    take(limits, of, now) {
      for (const limit of limits) {
        const window = windows.get(keyOf(limit, of))
        if (window === undefined || window.times.length < limit.count) {
          if (!makeRoom(now)) return { limit, retryAfter: 1 }
          continue
        }
        const free = window.times[window.next]! + limit.per
        if (free <= now) continue
        const wait = Math.min(free - now, limit.per)
        return { limit, retryAfter: Math.max(1, Math.ceil(wait / 1000)) }
      }
      for (const limit of limits) {
        const key = keyOf(limit, of)
        let window = windows.get(key)
        if (window === undefined) {
          window = { per: limit.per, times: [], next: 0 }
          windows.set(key, window)
        }
        if (window.times.length < limit.count) {
          window.times.push(now)
          times += 1
        } else {
          window.times[window.next] = now
          window.next = (window.next + 1) % limit.count
        }
      }
      return null
    },
  }
}

/** A limit that was changed begins anew. */
function keyOf(limit: Limit, of: Counted): string {
  const who = limit.of === 'session' ? of.session : of.principal
  return `${limit.rule}\n${limit.count}\n${limit.per}\n${who}`
}
