import { type Claims, ownClaim } from '../jwt/read-jwt.ts'
import type { Principal } from '../principal.ts'
import { invalidCredential } from '../refuse.ts'
import { carriedOf, claimAt, groupsOf, isReservedName, nameOf } from './claims.ts'
import { defaultClaims, type OidcProviderConfig } from './provider-config.ts'
import { startedByOf } from './started-by.ts'

/** Claims of a verified token to a principal. Throws `credential-invalid` when they name nobody. */
export function toPrincipal(
  config: OidcProviderConfig,
  claims: Claims,
  authentication: Principal['authentication'],
): Principal {
  const names = { ...defaultClaims, ...config.claims }
  const subject = nameOf(ownClaim(claims, 'sub'))
  if (subject === undefined) throw invalidCredential('claim-sub', 'the token has no usable subject')
  const email = nameOf(claimAt(claims, names.email))
  const displayName = nameOf(claimAt(claims, names.displayName))
  const startedBy = startedByOf(config, claims)
  return {
    issuer: config.issuer,
    subject,
    kind: config.principalKind ?? 'person',
    username: config.prefix + username(claims, names.username),
    groups: groupsOf(claims, names.groups, config.prefix),
    ...(displayName === undefined ? {} : { displayName }),
    ...(email === undefined || !isVerified(claims) ? {} : { email }),
    ...(config.carriedClaims === undefined ? {} : { claims: carriedOf(claims, config.carriedClaims) }),
    ...(startedBy.length === 0 ? {} : { startedBy }),
    authentication,
  }
}

function username(claims: Claims, claimName: string): string {
  const name = nameOf(claimAt(claims, claimName))
  if (name === undefined) throw invalidCredential('claim-username', `the token has no usable ${claimName}`)
  if (isReservedName(name)) {
    throw invalidCredential('claim-username', 'the token claims a user name that Kubernetes reserves')
  }
  // Whoever can type any address into their profile must not become its owner here.
  if (claimName === 'email' && !isVerified(claims)) {
    throw invalidCredential('claim-email', 'the issuer has not verified this e-mail address')
  }
  return name
}

/** Absent counts as verified: many issuers never send it. Some send it as text. */
function isVerified(claims: Claims): boolean {
  const verified = ownClaim(claims, 'email_verified')
  return verified === undefined || verified === true || verified === 'true'
}
