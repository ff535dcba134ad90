import { type Claims, ownClaim, type UnverifiedJwt } from '../jwt/read-jwt.ts'
import { checkTimes } from '../jwt/times.ts'
import { expiredCredential, invalidCredential } from '../refuse.ts'

/** What a service-account token says of itself: believed only after the cluster has accepted the token. */
export interface ServiceAccountClaims {
  readonly issuer: string
  readonly subject: string
  readonly legacy: boolean
  readonly audiences: readonly string[]
  /** Milliseconds since the epoch; infinite for legacy tokens. */
  readonly validUntil: number
  readonly issued: number | undefined
}

/** Issuer of the tokens in Secrets of type kubernetes.io/service-account-token. */
const LEGACY_ISSUER = 'kubernetes/serviceaccount'
const SKEW = 10_000

/**
 * Reads a service-account token, projected or legacy (kubernetes `pkg/serviceaccount`), and bounds its age.
 *
 * kube-apiserver gives projected tokens an `exp` of one year and marks the hour at which the kubelet replaces them
 * with `kubernetes.io.warnafter`; so `exp` alone says little. A token is refused `maximumAge` milliseconds after
 * `warnafter`, or after `iat` where there is no such mark. Legacy tokens have no times: the review alone decides.
 *
 * Undefined when it is no such token. Throws `credential-expired` or `credential-invalid` when it is too old or early.
 */
export function readServiceAccountClaims(
  jwt: UnverifiedJwt,
  now: number,
  maximumAge: number,
): ServiceAccountClaims | undefined {
  const { claims } = jwt
  const issuer = ownClaim(claims, 'iss')
  const subject = ownClaim(claims, 'sub')
  if (typeof issuer !== 'string' || typeof subject !== 'string') return undefined
  if (!subject.startsWith('system:serviceaccount:')) return undefined
  const legacy = issuer === LEGACY_ISSUER
  const { expires, issued } = checkTimes(claims, now, SKEW)
  let validUntil = expires ?? Number.POSITIVE_INFINITY
  if (!legacy) {
    if (expires === undefined || issued === undefined) {
      throw invalidCredential('token-time', 'the token does not say when it was issued and when it expires')
    }
    const tooOld = (warnAfter(claims) ?? issued) + maximumAge
    if (now >= tooOld) {
      throw expiredCredential(
        'token-age',
        'the token should have been replaced long ago: read it from its file again',
      )
    }
    validUntil = Math.min(expires, tooOld)
  }
  const aud = ownClaim(claims, 'aud')
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter(item => typeof item === 'string')
  return { issuer, subject, legacy, audiences, validUntil, issued }
}

function warnAfter(claims: Claims): number | undefined {
  const own = ownClaim(claims, 'kubernetes.io')
  if (own === null || typeof own !== 'object') return undefined
  const value = ownClaim(own as Claims, 'warnafter')
  // Zero means absent upstream.
  return typeof value === 'number' && value > 0 ? value * 1000 : undefined
}
