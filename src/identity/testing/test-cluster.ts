import type { JSONWebKeySet } from 'jose'
import type { TokenReviewStatus } from '../serviceaccount/token-review.ts'
import { newKey, type SigningKey, signToken } from './test-issuer.ts'

const ISSUER = 'https://kubernetes.default.svc.cluster.local'

/**
 * A cluster as far as service-account tokens go: it signs them, and answers TokenReviews as kube-apiserver does, with
 * its cache of 10 s by token and audiences. For tests.
 */
export interface TestCluster {
  readonly keys: JSONWebKeySet
  readonly key: SigningKey
  readonly audiences: readonly string[]
  /** Pods that exist, by uid. */
  readonly pods: Set<string>
  /** Reviews asked for: the audiences of each. */
  readonly reviews: (readonly string[])[]
  review(token: string, audiences: readonly string[]): TokenReviewStatus
  projected(facts?: ProjectedFacts): Promise<string>
  legacy(): Promise<string>
}

export interface ProjectedFacts {
  readonly name?: string
  readonly pod?: string
  readonly audiences?: readonly string[]
  /** Milliseconds since the epoch. */
  readonly issuedAt?: number
  /** Replaces or (undefined) removes claims. */
  readonly claims?: Record<string, unknown>
}

interface CachedReview {
  readonly until: number
  readonly status: TokenReviewStatus
}

export async function createTestCluster(now: () => number, audiences = [ISSUER]): Promise<TestCluster> {
  const key = await newKey('cluster')
  const pods = new Set(['pod-1'])
  const reviews: (readonly string[])[] = []
  const cache = new Map<string, CachedReview>()

  function judge(token: string, asked: readonly string[]): TokenReviewStatus {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      aud?: readonly string[]
      sub: string
      exp?: number
      'kubernetes.io'?: { pod?: { name: string; uid: string } }
    }
    if (!issued.has(token)) return { authenticated: false, error: 'invalid bearer token' }
    const common = (claims.aud ?? audiences).filter(audience => asked.includes(audience))
    if (common.length === 0) return { authenticated: false, error: 'token audiences are invalid' }
    const pod = claims['kubernetes.io']?.pod
    if (pod !== undefined && !pods.has(pod.uid)) return { authenticated: false, error: 'invalidated' }
    if (claims.exp !== undefined && now() >= claims.exp * 1000) return { authenticated: false }
    return {
      authenticated: true,
      user: {
        username: claims.sub,
        uid: 'account-1',
        groups: ['system:serviceaccounts', 'system:authenticated'],
        extra:
          pod === undefined
            ? {}
            : {
                'authentication.kubernetes.io/pod-name': [pod.name],
                'authentication.kubernetes.io/pod-uid': [pod.uid],
                'authentication.kubernetes.io/node-name': ['node-1'],
              },
      },
      audiences: common,
    }
  }

  const issued = new Set<string>()
  async function mint(claims: Record<string, unknown>): Promise<string> {
    const token = await signToken(key, claims, { typ: undefined })
    issued.add(token)
    return token
  }

  return {
    keys: { keys: [key.jwk] },
    key,
    audiences,
    pods,
    reviews,
    review(token, spec) {
      reviews.push(spec)
      const asked = spec.length === 0 ? audiences : spec
      const cacheKey = JSON.stringify([token, asked])
      const hit = cache.get(cacheKey)
      if (hit !== undefined && now() < hit.until) return hit.status
      const status = judge(token, asked)
      if (status.authenticated) cache.set(cacheKey, { until: now() + 10_000, status })
      return status
    },
    projected(facts = {}) {
      const issuedAt = (facts.issuedAt ?? now()) / 1000
      const name = facts.name ?? 'app'
      return mint({
        iss: ISSUER,
        aud: facts.audiences ?? audiences,
        sub: `system:serviceaccount:demo:${name}`,
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + 365 * 86_400,
        jti: crypto.randomUUID(),
        'kubernetes.io': {
          namespace: 'demo',
          serviceaccount: { name, uid: 'account-1' },
          pod: { name: 'app-0', uid: facts.pod ?? 'pod-1' },
          node: { name: 'node-1', uid: 'node-uid' },
          warnafter: issuedAt + 3_607,
        },
        ...facts.claims,
      })
    },
    legacy: () =>
      mint({
        iss: 'kubernetes/serviceaccount',
        sub: 'system:serviceaccount:demo:old',
        'kubernetes.io/serviceaccount/namespace': 'demo',
        'kubernetes.io/serviceaccount/service-account.name': 'old',
      }),
  }
}
