import { type Claims, ownClaim } from '../jwt/read-jwt.ts'
import { invalidCredential } from '../refuse.ts'
import { claimAt, nameOf } from './claims.ts'
import type { OidcProviderConfig } from './provider-config.ts'

/** GitHub, GitLab. */
const OF_JOBS = ['actor', 'user_login', 'user_email']
/** Links of a chain of token exchanges (RFC 8693, 4.1) that are read; a longer one is refused. */
const CHAIN = 5

/** Who stands behind a token: names with the prefix of the issuer, mail addresses without. Throws `credential-invalid`. */
export function startedByOf(config: OidcProviderConfig, claims: Claims): string[] {
  const names = config.startedBy ?? (config.principalKind === 'job' ? OF_JOBS : [])
  const found = new Set<string>()
  for (const name of names) {
    const value = claimAt(claims, name)
    if (value === undefined || value === null) continue
    found.add(prefixed(config, nameOf(value) ?? unreadable(name)))
  }
  if (config.startedBy !== undefined && found.size === 0) {
    throw invalidCredential('claim-started-by', `the token does not say who started it (${names.join(', ')})`)
  }
  for (const name of chainOf(claims)) found.add(prefixed(config, name))
  return [...found]
}

/** Whoever acts for the subject. A chain that cannot be read to its end could hide somebody. */
function chainOf(claims: Claims): string[] {
  const names: string[] = []
  let act = ownClaim(claims, 'act')
  while (act !== undefined) {
    if (act === null || typeof act !== 'object' || Array.isArray(act) || names.length === CHAIN) {
      unreadable('act')
    }
    names.push(nameOf(ownClaim(act as Claims, 'sub')) ?? unreadable('act'))
    act = ownClaim(act as Claims, 'act')
  }
  return names
}

function prefixed({ prefix }: OidcProviderConfig, name: string): string {
  return name.includes('@') ? name : prefix + name
}

function unreadable(claim: string): never {
  throw invalidCredential('claim-started-by', `the claim ${claim} of the token names nobody`)
}
