import { Refusal } from '../../errors/refusal.ts'
import { invalidCredential, unverifiableCredential } from '../refuse.ts'
import { createLearnedAudiences, intersects, withFreshAudience } from './audiences.ts'
import type { ServiceAccountClaims } from './claims.ts'
import type { ReviewToken, TokenReviewStatus } from './token-review.ts'

/** A fresh review of a token by one cluster, for the audiences that a connection accepts. */
export type FreshReview = (
  cluster: string,
  token: string,
  claims: ServiceAccountClaims,
  audiences: readonly string[],
) => Promise<TokenReviewStatus>

/** Reviews in flight by cluster; more are refused, so that garbage cannot drown an API server. */
const MOST_IN_FLIGHT = 200

export function createFreshReview(reviewToken: ReviewToken, now: () => number): FreshReview {
  const own = createLearnedAudiences(now)
  const inFlight = new Map<string, number>()

  async function ask(
    cluster: string,
    token: string,
    audiences: readonly string[],
  ): Promise<TokenReviewStatus> {
    const count = inFlight.get(cluster) ?? 0
    if (count >= MOST_IN_FLIGHT) {
      throw unverifiableCredential('token-review-busy', 'too many tokens are being checked at this cluster')
    }
    inFlight.set(cluster, count + 1)
    try {
      return await reviewToken(cluster, token, audiences)
    } catch (error) {
      if (error instanceof Refusal && error.code === 'agent-unavailable') throw error
      throw unverifiableCredential('token-review', 'the cluster of this token cannot be asked', error)
    } finally {
      inFlight.set(cluster, (inFlight.get(cluster) ?? 1) - 1)
    }
  }

  async function askFresh(
    cluster: string,
    token: string,
    audiences: readonly string[],
  ): Promise<TokenReviewStatus> {
    const status = await ask(cluster, token, withFreshAudience(audiences))
    // A cluster that ignores audiences leaves them out of its answer (TokenReview v1, `status.audiences`).
    if (status?.authenticated === true && !intersects(status.audiences, audiences)) {
      throw invalidCredential('token-audience', 'the token was issued for another audience')
    }
    return status
  }

  return async (cluster, token, claims, audiences) => {
    if (audiences.length > 0) return askFresh(cluster, token, audiences)
    const known = own.get(cluster)
    if (known !== undefined && (claims.legacy || intersects(claims.audiences, known))) {
      const status = await askFresh(cluster, token, known)
      if (status?.authenticated === true) return status
      // The cluster's own audiences may have changed: ask below in the plain way, which is also the final word.
      own.forget(cluster)
    }
    const plain = await ask(cluster, token, [])
    if (plain?.authenticated !== true) return plain
    const learned = Array.isArray(plain.audiences)
      ? plain.audiences.filter(item => typeof item === 'string')
      : []
    if (learned.length === 0) return plain
    own.learn(cluster, learned)
    return askFresh(cluster, token, learned)
  }
}
