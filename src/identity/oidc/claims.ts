import type { Refusal } from '../../errors/refusal.ts'
import { type Claims, ownClaim } from '../jwt/read-jwt.ts'
import type { CarriedClaims } from '../principal.ts'
import { invalidCredential } from '../refuse.ts'

const LONGEST_NAME = 256
const MOST_GROUPS = 2_000
const MOST_VALUES = 50

/** A claim by its own name (which may hold dots, as URLs do), else by a path with dots into nested objects. */
export function claimAt(claims: Claims, name: string): unknown {
  const own = ownClaim(claims, name)
  if (own !== undefined || !name.includes('.')) return own
  let at: unknown = claims
  for (const step of name.split('.')) {
    if (at === null || typeof at !== 'object' || Array.isArray(at)) return undefined
    at = ownClaim(at as Claims, step)
  }
  return at
}

/** A name fit for policies, headers and logs; undefined when the claim is none. */
export function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length === 0 || value.length > LONGEST_NAME) return undefined
  return /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(value) || value !== value.trim() ? undefined : value
}

/** Names that Kubernetes reserves for itself; a token of another issuer must not even look like one. */
export function isReservedName(name: string): boolean {
  return name.trimStart().toLowerCase().startsWith('system:')
}

/**
 * Group names, without those that Kubernetes reserves and without repetitions. A claim that is there but cannot be
 * read is refused: rules that deny by group would otherwise not apply.
 */
export function groupsOf(claims: Claims, claimName: string, prefix: string): string[] {
  const value = claimAt(claims, claimName)
  if (value === undefined || value === null) {
    // Microsoft Entra leaves out long lists and names where to ask instead (groups overage).
    const elsewhere = ownClaim(claims, '_claim_names')
    if (elsewhere !== null && typeof elsewhere === 'object' && Object.hasOwn(elsewhere, claimName)) {
      throw invalidCredential('claim-groups', 'the issuer left the groups out of the token (too many)')
    }
    return []
  }
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > MOST_GROUPS) throw invalidCredential('claim-groups', 'the token names too many groups')
  const groups = new Set<string>()
  for (const item of list) {
    const name = nameOf(item)
    if (name === undefined) throw invalidCredential('claim-groups', 'a group of the token is not a name')
    if (!isReservedName(name)) groups.add(prefix + name)
  }
  return [...groups]
}

/**
 * The claims that policies may look at, as lists of text. One that is there but cannot be read is refused, like groups:
 * rules that deny by it would otherwise not apply.
 */
export function carriedOf(claims: Claims, names: readonly string[]): CarriedClaims {
  const carried = Object.create(null) as Record<string, readonly string[]>
  for (const name of names) {
    const value = claimAt(claims, name)
    const list: unknown[] = Array.isArray(value)
      ? value
      : value === undefined || value === null
        ? []
        : [value]
    if (list.length > MOST_VALUES) throw unreadable(name)
    carried[name] = list.map(item => {
      const text = typeof item === 'number' || typeof item === 'boolean' ? String(item) : nameOf(item)
      if (text === undefined) throw unreadable(name)
      return text
    })
  }
  return carried
}

function unreadable(name: string): Refusal {
  return invalidCredential(
    'claim-carried',
    `the claim ${name} of the token is no text, number or short list of them`,
  )
}
