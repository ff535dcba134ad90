import { expiredCredential, invalidCredential } from '../refuse.ts'
import { type Claims, ownClaim } from './read-jwt.ts'

export interface JwtTimes {
  /** Milliseconds since the epoch. */
  readonly expires: number | undefined
  readonly issued: number | undefined
}

/** Year 9999 in seconds; beyond it milliseconds and dates stop making sense. */
const LATEST = 253_402_300_799

/**
 * Checks `exp`, `nbf` and `iat` (RFC 7519, 4.1; NumericDate may have a fraction) against `now` with `skew`
 * milliseconds of tolerance. Throws `credential-expired` or `credential-invalid`.
 */
export function checkTimes(claims: Claims, now: number, skew: number): JwtTimes {
  const expires = date(claims, 'exp')
  const notBefore = date(claims, 'nbf')
  const issued = date(claims, 'iat')
  if (expires !== undefined && now >= expires + skew) {
    throw expiredCredential('token-expired', 'the token has expired')
  }
  if (notBefore !== undefined && now < notBefore - skew) {
    throw invalidCredential('token-not-yet-valid', 'the token is not valid yet')
  }
  if (issued !== undefined && now < issued - skew) {
    throw invalidCredential('token-issued-later', 'the token was issued in the future')
  }
  return { expires, issued }
}

function date(claims: Claims, name: string): number | undefined {
  const value = ownClaim(claims, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || value < 0 || value > LATEST) {
    throw invalidCredential('token-time', `the token's ${name} is not a time`)
  }
  return value * 1000
}
