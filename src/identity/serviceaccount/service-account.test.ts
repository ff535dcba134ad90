import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceAccountTrust } from '../../connections/connection.ts'
import { Refusal } from '../../errors/refusal.ts'
import {
  type IdentityRig,
  openIdentityRig,
  serviceAccountTrust,
  testConnection,
} from '../testing/identity-rig.ts'
import { createTestCluster, type TestCluster } from '../testing/test-cluster.ts'
import { newKey, rawToken, signToken } from '../testing/test-issuer.ts'
import type { ReviewToken, TokenReviewStatus } from './token-review.ts'

interface Setup {
  readonly rig: IdentityRig
  readonly a: TestCluster
  readonly b: TestCluster
}

async function withClusters(
  test: (setup: Setup) => Promise<void>,
  options: {
    trust?: Record<string, Partial<ServiceAccountTrust>>
    keys?: boolean
    review?: (setup: { a: TestCluster; b: TestCluster }) => ReviewToken
    maximumAge?: number
  } = {},
): Promise<void> {
  let rig: IdentityRig | undefined
  const now = () => rig?.now ?? 0
  const clusters: Record<string, TestCluster> = {
    a: await createTestCluster(now),
    b: await createTestCluster(now),
  }
  const { a, b } = clusters as { a: TestCluster; b: TestCluster }
  rig = await openIdentityRig({
    reviewToken:
      options.review?.({ a, b }) ??
      (async (connection, token, audiences) => clusters[connection]!.review(token, audiences)),
    trust: name => (clusters[name] === undefined ? undefined : serviceAccountTrust(options.trust?.[name])),
    ...(options.keys === false ? {} : { clusterKeys: async (name: string) => clusters[name]!.keys }),
    ...(options.maximumAge === undefined ? {} : { maximumAge: options.maximumAge }),
  })
  try {
    await test({ rig, a, b })
  } finally {
    await rig.close()
  }
}

async function refused(
  rig: IdentityRig,
  token: string,
  connection: string | null,
  code: string,
  check?: string,
) {
  await assert.rejects(rig.authenticator.authenticate(token, connection), (error: Refusal) => {
    assert.equal(error.code, code, `${error.check} ${error.message}`)
    if (check !== undefined) assert.equal(error.check, check)
    assert.ok(!JSON.stringify(error).includes(token.split('.')[1] ?? '-'))
    return true
  })
}

const answers = (status: TokenReviewStatus) => ({ keys: false, review: () => async () => status })

describe('service-account tokens', () => {
  it("are the pod's own account on its own connection, without groups", async () => {
    await withClusters(async ({ rig, a }) => {
      const principal = await rig.authenticator.authenticate(await a.projected(), 'a')
      const { authentication, ...facts } = principal
      assert.deepEqual(facts, {
        issuer: 'kubernetes:a',
        subject: 'system:serviceaccount:demo:app',
        kind: 'serviceaccount',
        username: 'system:serviceaccount:demo:app',
        groups: [],
        serviceAccount: {
          connection: 'a',
          namespace: 'demo',
          name: 'app',
          uid: 'account-1',
          pod: { name: 'app-0', uid: 'pod-1' },
          node: 'node-1',
        },
      })
      assert.equal(authentication.method, 'tokenreview')
      assert.equal(authentication.validUntil, rig.now + 5_000)
      const legacy = await rig.authenticator.authenticate(await a.legacy(), 'a')
      assert.equal(legacy.username, 'system:serviceaccount:demo:old')
      assert.equal(legacy.authentication.issuedAt, undefined)
    })
  })

  it('of one cluster are nobody on the connection of another, unless it is listed, and then still themselves', async () => {
    for (const keys of [true, false]) {
      await withClusters(
        async ({ rig, a, b }) => {
          await refused(rig, await a.projected(), 'b', 'credential-invalid')
          assert.equal(a.reviews.length, 0)
          if (keys) assert.equal(b.reviews.length, 0, 'a foreign token is not shown to the cluster')
          await refused(rig, await a.projected(), null, 'credential-invalid', 'token-issuer')
          await refused(rig, await a.projected(), 'nowhere', 'credential-invalid', 'token-issuer')
        },
        { keys },
      )
    }
    await withClusters(
      async ({ rig, a, b }) => {
        const foreign = await rig.authenticator.authenticate(await a.projected(), 'b')
        assert.deepEqual([foreign.issuer, foreign.serviceAccount?.connection], ['kubernetes:a', 'a'])
        const own = await rig.authenticator.authenticate(await b.projected(), 'b')
        assert.deepEqual([own.issuer, own.subject], ['kubernetes:b', foreign.subject])
        await refused(rig, await b.projected(), 'a', 'credential-invalid')
      },
      { trust: { b: { alsoFrom: ['a'] } } },
    )
    await withClusters(
      async ({ rig, a, b }) => {
        await refused(rig, await b.projected(), 'b', 'credential-invalid')
        await rig.authenticator.authenticate(await a.projected(), 'b')
      },
      { trust: { b: { enabled: false, alsoFrom: ['a'] } } },
    )
  })

  it('of a listed cluster are not shown to it before its own keys have said they are its', async () => {
    await withClusters(
      async ({ rig, a, b }) => {
        await refused(rig, await b.projected(), 'b', 'credential-invalid')
        assert.equal(a.reviews.length, 0)
      },
      { trust: { b: { enabled: false, alsoFrom: ['a'] } }, keys: false },
    )
  })

  it('of a deleted pod stop within 10 s, although the API server keeps its own answers for 10 s', async () => {
    await withClusters(async ({ rig, a }) => {
      const token = await a.projected()
      await rig.authenticator.authenticate(token, 'a')
      for (let n = 0; n < 7; n += 1) {
        rig.now += 3_300
        await rig.authenticator.authenticate(token, 'a')
      }
      a.pods.delete('pod-1')
      const deletedAt = rig.now
      let last = deletedAt
      for (; rig.now < deletedAt + 30_000; rig.now += 500) {
        const cached = rig.authenticator.cached(token, 'a')
        const passed =
          cached ?? (await rig.authenticator.authenticate(token, 'a').catch((error: Refusal) => error))
        if (passed instanceof Refusal) assert.equal(passed.code, 'credential-invalid')
        else last = rig.now
      }
      assert.ok(last - deletedAt < 10_000, `accepted for ${last - deletedAt} ms`)
      assert.ok(
        a.reviews.every(asked => asked.length !== 1),
        'each review but the first names a fresh audience',
      )
    })
  })

  it('are asked about once at a time, and cached for their time only', async () => {
    await withClusters(async ({ rig, a }) => {
      const token = await a.projected()
      await Promise.all(Array.from({ length: 20 }, () => rig.authenticator.authenticate(token, 'a')))
      assert.equal(a.reviews.length, 2, 'one to learn the audiences, one for the token')
      rig.now += 4_999
      assert.ok(rig.authenticator.cached(token, 'a'))
      rig.now += 1
      assert.equal(rig.authenticator.cached(token, 'a'), undefined)
      await rig.authenticator.authenticate(token, 'a')
      assert.equal(a.reviews.length, 3)
    })
  })

  it('that the cluster refuses are refused without asking again for 2 s', async () => {
    await withClusters(async ({ rig, a }) => {
      const token = await a.projected({ pod: 'gone' })
      for (let n = 0; n < 5; n += 1) await refused(rig, token, 'a', 'credential-invalid', 'token-review')
      const asked = a.reviews.length
      rig.now += 2_000
      a.pods.add('gone')
      await rig.authenticator.authenticate(token, 'a')
      assert.ok(a.reviews.length > asked)
    })
  })

  it('are too old 24 h after the kubelet should have replaced them, whatever their exp says', async () => {
    await withClusters(async ({ rig, a }) => {
      const day = 86_400_000
      await rig.authenticator.authenticate(await a.projected({ issuedAt: rig.now - day - 3_600_000 }), 'a')
      const stale = await a.projected({ issuedAt: rig.now - day - 3_607_000 })
      await refused(rig, stale, 'a', 'credential-expired', 'token-age')
      const bare = (issuedAt: number) => a.projected({ issuedAt, claims: { 'kubernetes.io': {} } })
      await rig.authenticator.authenticate(await bare(rig.now - day + 1_000), 'a')
      await refused(rig, await bare(rig.now - day), 'a', 'credential-expired', 'token-age')
      await refused(
        rig,
        await a.projected({ claims: { exp: rig.now / 1000 - 11 } }),
        'a',
        'credential-expired',
      )
      await refused(
        rig,
        await a.projected({ claims: { nbf: rig.now / 1000 + 11 } }),
        'a',
        'credential-invalid',
      )
      for (const claims of [{ iat: undefined }, { exp: undefined }]) {
        await refused(rig, await a.projected({ claims }), 'a', 'credential-invalid', 'token-time')
      }
    })
  })

  it('are accepted for the audiences of the connection only', async () => {
    await withClusters(async ({ rig, a }) => {
      await refused(rig, await a.projected({ audiences: ['vault'] }), 'a', 'credential-invalid')
      await rig.authenticator.authenticate(await a.projected(), 'a')
      await refused(rig, await a.projected({ audiences: ['vault'] }), 'a', 'credential-invalid')
    })
    await withClusters(
      async ({ rig, a }) => {
        await rig.authenticator.authenticate(await a.projected({ audiences: ['gateway', 'x'] }), 'a')
        await refused(rig, await a.projected(), 'a', 'credential-invalid')
      },
      { trust: { a: { audiences: ['gateway'] } } },
    )
    const user = { username: 'system:serviceaccount:demo:app' }
    for (const audiences of [undefined, [], ['other']]) {
      const options = answers({
        authenticated: true,
        user,
        ...(audiences === undefined ? {} : { audiences }),
      })
      await withClusters(
        async ({ rig, a }) => refused(rig, await a.projected(), 'a', 'credential-invalid', 'token-audience'),
        { ...options, trust: { a: { audiences: ['gateway'] } } },
      )
    }
  })

  it('that are garbage never reach the cluster where its keys are known', async () => {
    await withClusters(async ({ rig, a, b }) => {
      const evil = await newKey('cluster')
      const claims = JSON.parse(Buffer.from((await a.projected()).split('.')[1]!, 'base64url').toString())
      await refused(rig, await signToken(evil, claims), 'a', 'credential-invalid')
      await refused(rig, rawToken('{"alg":"none"}', JSON.stringify(claims)), 'a', 'credential-invalid')
      await refused(rig, rawToken('{"alg":"HS256"}', JSON.stringify(claims)), 'a', 'credential-invalid')
      await refused(rig, await b.projected(), 'a', 'credential-invalid')
      for (const sub of ['alice', 'system:admin', undefined, 7]) {
        await refused(
          rig,
          await signToken(a.key, { ...claims, sub }),
          'a',
          'credential-invalid',
          'token-issuer',
        )
      }
      assert.equal(a.reviews.length, 0)
    })
  })

  it('cause 503 and not 401 when the cluster cannot be asked', async () => {
    for (const [error, code] of [
      [new Refusal('agent-unavailable'), 'agent-unavailable'],
      [new Refusal('upstream-timeout'), 'credential-unverifiable'],
      [new Error('socket hang up'), 'credential-unverifiable'],
    ] as const) {
      await withClusters(async ({ rig, a }) => refused(rig, await a.projected(), 'a', code), {
        review: () => () => Promise.reject(error),
      })
    }
  })

  it('are still reviewed when the keys of the cluster cannot be had', async () => {
    await withClusters(
      async ({ rig, a }) => {
        await rig.authenticator.authenticate(await a.projected(), 'a')
      },
      { keys: false },
    )
  })

  it('C38 are nobody unless the review says authenticated: true and names a service account', async () => {
    const name = 'system:serviceaccount:demo:app'
    const wrong: TokenReviewStatus[] = [
      {},
      { authenticated: false, user: { username: name } },
      { authenticated: 'true' as never, user: { username: name } },
      { authenticated: 1 as never, user: { username: name } },
      { user: { username: name } },
      { authenticated: true },
      { authenticated: true, user: {} },
      { authenticated: true, user: { username: '' } },
      { authenticated: true, user: { username: 'system:admin', groups: ['system:masters'] } },
      { authenticated: true, user: { username: 'alice' } },
      { authenticated: true, user: { username: 'system:serviceaccount:demo' } },
      { authenticated: true, user: { username: 'system:serviceaccount:demo:' } },
      { authenticated: true, user: { username: 'system:serviceaccount::app' } },
      { authenticated: true, user: { username: 'system:serviceaccount:demo:app:x' } },
      { authenticated: true, user: { username: 'system:serviceaccount:demo:App' } },
      { authenticated: true, user: { username: `${name}\n` } },
      { authenticated: true, user: { username: 'system:serviceaccount:kube-system:admin' } },
      { authenticated: true, error: 'x', user: { username: 7 as never } },
      undefined as never,
      null as never,
      'yes' as never,
    ]
    for (const status of wrong) {
      await withClusters(
        async ({ rig, a }) => refused(rig, await a.projected(), 'a', 'credential-invalid'),
        answers(status),
      )
    }
  })

  it('C40 are accepted as what they are and then dropped: no fact about the caller holds the token', async () => {
    await withClusters(async ({ rig, a }) => {
      const token = await a.projected()
      const principal = await rig.authenticator.authenticate(token, 'a')
      await rig.sessions.enter(principal, testConnection('a'))
      const known = JSON.stringify([principal, rig.sessions.list(), await rig.store.changesSince(0)])
      for (const part of token.split('.')) assert.ok(!known.includes(part))
    })
  })

  it('survive odd extra fields of a review', async () => {
    const extra = {
      'authentication.kubernetes.io/pod-name': 'text',
      'authentication.kubernetes.io/node-name': [],
    }
    const status = {
      authenticated: true,
      user: { username: 'system:serviceaccount:demo:app', extra: extra as never },
    }
    await withClusters(async ({ rig, a }) => {
      const principal = await rig.authenticator.authenticate(await a.projected(), 'a')
      assert.deepEqual(principal.serviceAccount, { connection: 'a', namespace: 'demo', name: 'app' })
    }, answers(status))
  })

  it('do not drown the cluster', async () => {
    let waiting = 0
    let most = 0
    const release: (() => void)[] = []
    await withClusters(
      async ({ rig, a }) => {
        const tokens = await Promise.all(Array.from({ length: 230 }, () => a.projected()))
        const results = tokens.map(token =>
          rig.authenticator.authenticate(token, 'a').catch((error: Refusal) => error.check),
        )
        while (waiting < 200) await new Promise(resolve => setImmediate(resolve))
        for (let n = 0; n < 50; n += 1) await new Promise(resolve => setImmediate(resolve))
        for (const one of release) one()
        const checks = await Promise.all(results)
        assert.equal(most, 200)
        assert.equal(checks.filter(check => check === 'token-review-busy').length, 30)
      },
      {
        keys: false,
        review: () => async () => {
          waiting += 1
          most = Math.max(most, waiting)
          await new Promise<void>(resolve => release.push(resolve))
          return { authenticated: false }
        },
      },
    )
  })
})
