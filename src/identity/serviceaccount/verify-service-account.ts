import type { JSONWebKeySet } from 'jose'
import type { ServiceAccountTrust } from '../../connections/connection.ts'
import { Refusal } from '../../errors/refusal.ts'
import { createKeySource, type KeySource } from '../jwt/key-source.ts'
import type { UnverifiedJwt } from '../jwt/read-jwt.ts'
import type { Principal } from '../principal.ts'
import { invalidCredential } from '../refuse.ts'
import { tokenDigest } from '../token-digest.ts'
import { readServiceAccountClaims, type ServiceAccountClaims } from './claims.ts'
import { createFreshReview } from './review.ts'
import { factsOf, type ReviewToken } from './token-review.ts'

export interface ServiceAccountOptions {
  readonly now: () => number
  readonly reviewToken: ReviewToken
  /**
   * Public keys of the service-account issuer of a connection's cluster, fetched with the agent's bearer and CA.
   * They only keep garbage and foreign tokens away from the review; where they cannot be had, the review decides alone.
   */
  readonly clusterKeys?: (connection: string) => Promise<JSONWebKeySet>
  /** Undefined when there is no such connection. */
  readonly trust: (connection: string) => ServiceAccountTrust | undefined
  /** Milliseconds that a positive review is believed; more than 10 s is taken as 10 s. Default 5 s. */
  readonly reviewTime?: number
  /** Milliseconds after `warnafter` (else `iat`) at which a token is too old. Default 24 h. */
  readonly maximumAge?: number
}

export interface ServiceAccountVerifier {
  /** A principal, believed until `authentication.validUntil`. Throws 401 and 503 Refusals. */
  verify(jwt: UnverifiedJwt, connection: string): Promise<Principal>
}

const LONGEST_REVIEW_TIME = 10_000
const DAY = 86_400_000
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512', 'RS384', 'RS512', 'PS256', 'EdDSA']

/** After keys could not be had (no right, old cluster, agent away) they are asked for again only after a minute. */
const KEY_TIMES = { failed: 60_000, keep: 86_400_000 }

type KeyAnswer = 'signed-here' | 'not-signed-here' | 'unknown'

/**
 * Service-account tokens by connection: a token counts only on the connection of the cluster that issued it, and on
 * connections that list that one in `alsoFrom`. Issuer names do not tell clusters apart (many are called
 * `https://kubernetes.default.svc.cluster.local`): signature and review do.
 */
export function createServiceAccountVerifier(options: ServiceAccountOptions): ServiceAccountVerifier {
  const { now, trust, clusterKeys } = options
  const review = createFreshReview(options.reviewToken, now)
  const reviewTime = Math.min(options.reviewTime ?? 5_000, LONGEST_REVIEW_TIME)
  const keySources = new Map<string, KeySource>()

  function keysOf(cluster: string): KeySource | undefined {
    if (clusterKeys === undefined) return undefined
    let source = keySources.get(cluster)
    if (source === undefined) {
      source = createKeySource({
        name: cluster,
        algorithms: ALGORITHMS,
        now,
        load: () => clusterKeys(cluster),
        times: KEY_TIMES,
      })
      keySources.set(cluster, source)
    }
    return source
  }

  async function askKeys(cluster: string, jwt: UnverifiedJwt): Promise<KeyAnswer> {
    const keys = keysOf(cluster)
    if (keys === undefined) return 'unknown'
    try {
      await keys.verify(jwt)
      return 'signed-here'
    } catch (error) {
      return error instanceof Refusal && error.code === 'credential-invalid' ? 'not-signed-here' : 'unknown'
    }
  }

  async function verifyAt(
    cluster: string,
    jwt: UnverifiedJwt,
    claims: ServiceAccountClaims,
    audiences: readonly string[],
  ): Promise<Principal> {
    const asked = now()
    const facts = factsOf(await review(cluster, jwt.token, claims, audiences), cluster)
    const username = `system:serviceaccount:${facts.namespace}:${facts.name}`
    // The review is about this token, so they can only differ if another authenticator of the cluster answered.
    if (claims.subject !== username) {
      throw invalidCredential('token-review-name', 'the cluster reads this token as somebody else')
    }
    return {
      // Not `iss`: two clusters may share that, and their accounts must never be one principal.
      issuer: `kubernetes:${cluster}`,
      subject: username,
      kind: 'serviceaccount',
      username,
      // The API server adds an account's own groups by itself, and `system:` names never come from a token.
      groups: [],
      serviceAccount: facts,
      authentication: {
        method: 'tokenreview',
        provider: cluster,
        // Counted from the question, not from the answer.
        validUntil: Math.min(asked + reviewTime, claims.validUntil),
        ...(claims.issued === undefined ? {} : { issuedAt: claims.issued }),
        credentialDigest: tokenDigest(jwt.token),
      },
    }
  }

  return {
    async verify(jwt, connection) {
      const claims = readServiceAccountClaims(jwt, now(), options.maximumAge ?? DAY)
      if (claims === undefined) throw invalidCredential('token-issuer', 'nobody here vouches for this issuer')
      if (!ALGORITHMS.includes(jwt.alg)) {
        throw invalidCredential(
          'token-algorithm',
          'the token is signed with an algorithm that is not allowed',
        )
      }
      const trusted = trust(connection)
      if (trusted === undefined)
        throw invalidCredential('token-issuer', 'nobody here vouches for this issuer')
      const clusters = [...(trusted.enabled ? [connection] : []), ...trusted.alsoFrom]
      let reason: Refusal | undefined
      for (const cluster of new Set(clusters)) {
        const answer = await askKeys(cluster, jwt)
        // A caller of this connection would show its token to this cluster anyway; to another one only if it is theirs.
        if (answer === 'not-signed-here' || (answer === 'unknown' && cluster !== connection)) continue
        try {
          return await verifyAt(cluster, jwt, claims, trusted.audiences)
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          // "Cannot be asked" outweighs "no": the caller shall try again.
          if (reason === undefined || error.status >= 500) reason = error
        }
      }
      throw (
        reason ??
        invalidCredential('token-cluster', 'the token is not of a cluster accepted on this connection')
      )
    },
  }
}
