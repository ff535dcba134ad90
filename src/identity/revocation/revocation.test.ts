import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Refusal } from '../../errors/refusal.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import type { StateStore } from '../../store/store.ts'
import { putLocalUser } from '../local/users.ts'
import type { Principal } from '../principal.ts'
import {
  type IdentityRig,
  openIdentityRig,
  type RigOptions,
  START,
  testConnection,
} from '../testing/identity-rig.ts'
import { type SigningKey, signToken, startTestIssuer, type TestIssuer } from '../testing/test-issuer.ts'
import type { RevocationTarget } from './revocations.ts'
import { revoke, signOut } from './revoke.ts'

const prod = testConnection('prod')
const refusal = (code: string, check?: string) => (error: Refusal) =>
  error.code === code && (check === undefined || error.check === check)

let issuer: TestIssuer
let key: SigningKey
before(async () => {
  issuer = await startTestIssuer()
  key = await issuer.newKey('k1')
})
after(() => issuer.stop())

function oidc(): RigOptions {
  return {
    providers: [{ name: 'corp', issuer: issuer.issuer, audiences: ['x'], prefix: 'corp:', ca: issuer.ca }],
  }
}

function token(sub: string, at = START): Promise<string> {
  const iat = at / 1000
  return signToken(key, {
    iss: issuer.issuer,
    aud: 'x',
    sub,
    iat,
    exp: iat + 3_600,
    jti: crypto.randomUUID(),
  })
}

async function withRig(
  test: (rig: IdentityRig) => Promise<void>,
  options: RigOptions = oidc(),
): Promise<void> {
  const rig = await openIdentityRig(options)
  await putLocalUser(rig.store, { name: 'admin', groups: ['admins'] })
  try {
    await test(rig)
  } finally {
    await rig.close()
  }
}

async function localSignIn(rig: IdentityRig): Promise<{ token: string; principal: Principal }> {
  return rig.codes.redeem((await rig.codes.issue('admin')).code)
}

const alice = (): RevocationTarget => ({ kind: 'principal', issuer: issuer.issuer, subject: 'alice' })

describe('revocation', () => {
  it('of a principal beats the cache at once, and leaves others alone', async () => {
    await withRig(async rig => {
      const hers = await token('alice')
      const his = await token('bob')
      await rig.authenticator.authenticate(hers, 'prod')
      await rig.authenticator.authenticate(his, 'prod')
      const running = revoke(rig, alice(), 'local:admin', 'laptop stolen')
      assert.equal(rig.authenticator.cached(hers, 'prod'), undefined, 'before the store has answered')
      const { revocation } = await running
      await assert.rejects(
        rig.authenticator.authenticate(hers, 'prod'),
        refusal('credential-invalid', 'revoked'),
      )
      await assert.rejects(
        rig.authenticator.authenticate(await token('alice'), null),
        refusal('credential-invalid', 'revoked'),
      )
      assert.ok(rig.authenticator.cached(his, 'prod'))
      assert.deepEqual(
        rig.revocations.list().map(({ target, by, reason }) => ({ target, by, reason })),
        [{ target: alice(), by: 'local:admin', reason: 'laptop stolen' }],
      )
      assert.equal(await rig.revocations.lift(revocation.id), true)
      assert.equal(await rig.revocations.lift(revocation.id), false)
      assert.ok(await rig.authenticator.authenticate(hers, 'prod'))
    })
  })

  it('with a time refuses what was issued before it, and only that', async () => {
    await withRig(async rig => {
      const before = await token('alice', START - 60_000)
      await rig.authenticator.authenticate(before, 'prod')
      await revoke(rig, alice(), 'x', '', START)
      await assert.rejects(
        rig.authenticator.authenticate(before, 'prod'),
        refusal('credential-invalid', 'revoked'),
      )
      assert.ok(await rig.authenticator.authenticate(await token('alice', START), 'prod'))
      const noIat = await signToken(key, {
        iss: issuer.issuer,
        aud: 'x',
        sub: 'alice',
        exp: START / 1000 + 60,
      })
      await assert.rejects(
        rig.authenticator.authenticate(noIat, 'prod'),
        refusal('credential-invalid', 'revoked'),
      )
    })
  })

  it('of an issuer ends its tokens, sign-ins and sessions', async () => {
    await withRig(async rig => {
      const jwt = await token('alice')
      const signedIn = await rig.authenticator.signInWithIdToken('corp', await token('alice'))
      const local = await localSignIn(rig)
      const session = await rig.sessions.open(signedIn.principal, prod)
      const implicit = await rig.sessions.enter(await rig.authenticator.authenticate(jwt, 'prod'), prod)
      const other = await rig.sessions.open(local.principal, prod)
      const { sessionsEnded } = await revoke(rig, { kind: 'issuer', issuer: issuer.issuer }, 'x', '')
      assert.equal(sessionsEnded, 2)
      for (const [credential, connection] of [
        [jwt, 'prod'],
        [signedIn.token, null],
        [session.token, 'prod'],
      ] as const) {
        assert.equal(rig.authenticator.cached(credential, connection), undefined)
        await assert.rejects(
          rig.authenticator.authenticate(credential, connection),
          (error: Refusal) => error.status === 401,
        )
      }
      assert.ok(rig.authenticator.cached(local.token, null))
      assert.ok(rig.authenticator.cached(other.token, 'prod'))
      assert.ok(rig.journal.includes(`close ${implicit.id} revoked`))
      assert.deepEqual(
        rig.sessions.list().map(one => one.id),
        [other.session.id],
      )
      await assert.rejects(
        rig.authenticator.signInWithIdToken('corp', await token('alice')),
        refusal('credential-invalid', 'revoked'),
      )
    })
  })

  it('C44 of a session cuts its streams before the first wait', async () => {
    await withRig(async rig => {
      const { principal } = await localSignIn(rig)
      const { session, token: credential } = await rig.sessions.open(principal, prod)
      const cuts: string[] = []
      rig.sessions.onEnd(session.id, end => cuts.push(end.reason))
      const running = revoke(rig, { kind: 'session', id: session.id }, 'local:admin', 'why')
      assert.deepEqual(cuts, ['revoked'])
      assert.equal(rig.authenticator.cached(credential, 'prod'), undefined)
      assert.equal((await running).sessionsEnded, 1)
      assert.deepEqual(cuts, ['revoked'])
      await assert.rejects(rig.authenticator.authenticate(credential, 'prod'), refusal('session-ended'))
      const past = await rig.sessions.past(session.id)
      assert.deepEqual(past?.end, { reason: 'revoked', by: 'local:admin', detail: 'why' })
    })
  })

  it('C44 or not: a token that has expired fails the re-check of a long stream', async () => {
    await withRig(async rig => {
      const jwt = await token('alice')
      await rig.authenticator.authenticate(jwt, 'prod')
      rig.now = START + 3_600_000 + 30_000
      await assert.rejects(rig.authenticator.authenticate(jwt, 'prod'), refusal('credential-expired'))
    })
  })

  it('by signing out ends the sign-in and the sessions that it opened', async () => {
    await withRig(async rig => {
      const first = await localSignIn(rig)
      const second = await localSignIn(rig)
      const mine = await rig.sessions.open(first.principal, prod)
      const other = await rig.sessions.open(second.principal, prod)
      const principal = await rig.authenticator.authenticate(first.token, null)
      assert.equal(await signOut(rig, principal), 1)
      assert.equal(await signOut(rig, principal), 0)
      assert.equal(rig.authenticator.cached(first.token, null), undefined)
      assert.equal(rig.authenticator.cached(mine.token, 'prod'), undefined)
      assert.ok(rig.authenticator.cached(second.token, null))
      assert.ok(rig.authenticator.cached(other.token, 'prod'))
      assert.ok(rig.journal.includes(`close ${mine.session.id} signed-out`))
    })
  })

  it('reaches other processes through the store, and survives a restart', async () => {
    const store = await openSqliteStore(':memory:')
    const options = { ...oidc(), store }
    const here = await openIdentityRig(options)
    const there = await openIdentityRig(options)
    await putLocalUser(store, { name: 'admin', groups: [] })
    const hers = await token('alice')
    const signedIn = await localSignIn(here)
    await there.authenticator.authenticate(hers, 'prod')
    await there.authenticator.authenticate(signedIn.token, null)
    const session = await here.sessions.open(signedIn.principal, prod)
    await there.authenticator.authenticate(session.token, 'prod')
    const cuts: string[] = []
    there.sessions.onEnd(session.session.id, end => cuts.push(end.reason))
    await revoke(here, alice(), 'x', '')
    await signOut(here, signedIn.principal)
    await there.feed.catchUp()
    assert.equal(cuts.length, 1)
    for (const [credential, connection] of [
      [hers, 'prod'],
      [signedIn.token, null],
      [session.token, 'prod'],
    ] as const) {
      assert.equal(there.authenticator.cached(credential, connection), undefined)
      await assert.rejects(
        there.authenticator.authenticate(credential, connection),
        (error: Refusal) => error.status === 401,
      )
    }
    const restarted = await openIdentityRig(options)
    await assert.rejects(
      restarted.authenticator.authenticate(hers, 'prod'),
      refusal('credential-invalid', 'revoked'),
    )
    for (const rig of [here, there, restarted]) await rig.close()
    await store.close()
  })

  it('that cannot be stored is in force here all the same, and says so', async () => {
    const inner = await openSqliteStore(':memory:')
    let broken = false
    const store: StateStore = {
      ...inner,
      commit: changes => (broken ? Promise.reject(new Error('disk full')) : inner.commit(changes)),
    }
    await withRig(
      async rig => {
        const hers = await token('alice')
        await rig.authenticator.authenticate(hers, 'prod')
        const { principal, token: local } = await localSignIn(rig)
        const session = await rig.sessions.open(principal, prod)
        broken = true
        await assert.rejects(revoke(rig, alice(), 'x', ''), refusal('state-unavailable'))
        await assert.rejects(signOut(rig, principal), refusal('state-unavailable'))
        for (const [credential, connection] of [
          [hers, 'prod'],
          [local, null],
          [session.token, 'prod'],
        ] as const) {
          assert.equal(rig.authenticator.cached(credential, connection), undefined)
          await assert.rejects(
            rig.authenticator.authenticate(credential, connection),
            (error: Refusal) => error.status === 401,
          )
        }
        broken = false
        await rig.sessions.sweep()
        assert.deepEqual(await store.list('session'), [])
        assert.ok(rig.journal.includes(`close ${session.session.id} signed-out`))
      },
      { ...oidc(), store },
    )
    await inner.close()
  })

  it('that cannot be read for 15 s makes everything 503, the cache included', async () => {
    const inner = await openSqliteStore(':memory:')
    let broken = false
    const store: StateStore = {
      ...inner,
      changesSince: (revision, limit) =>
        broken ? Promise.reject(new Error('gone')) : inner.changesSince(revision, limit),
    }
    await withRig(
      async rig => {
        const hers = await token('alice')
        await rig.authenticator.authenticate(hers, 'prod')
        broken = true
        rig.now += 15_000
        assert.ok(rig.authenticator.cached(hers, 'prod'))
        rig.now += 1
        assert.equal(rig.authenticator.cached(hers, 'prod'), undefined)
        await assert.rejects(rig.authenticator.authenticate(hers, 'prod'), refusal('state-unavailable'))
        broken = false
        assert.ok(await rig.authenticator.authenticate(hers, 'prod'))
      },
      { ...oidc(), store },
    )
    await inner.close()
  })

  it('that has resolved leaves no way in, whatever ran beside it (property)', async () => {
    const subjects = ['s0', 's1', 's2']
    await withRig(async rig => {
      const step = fc.oneof(
        fc.record({ op: fc.constant('use' as const), who: fc.nat(2), how: fc.nat(2) }),
        fc.record({ op: fc.constant('revoke' as const), who: fc.nat(2), how: fc.nat(2) }),
      )
      let round = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async steps => {
          round += 1
          const people = await Promise.all(subjects.map(name => newcomer(rig, `${name}-${round}`)))
          const revoked = new Set<string>()
          const running: Promise<unknown>[] = []
          for (const { op, who, how } of steps) {
            const person = people[who]!
            const one = person.ways[how]!
            if (op === 'use')
              running.push(rig.authenticator.authenticate(one.token, one.connection).catch(() => {}))
            else {
              running.push(
                one.revoke().then(() => {
                  for (const dead of one.kills) revoked.add(dead)
                  assertDead(rig, people, revoked)
                }),
              )
            }
          }
          await Promise.all(running)
          assertDead(rig, people, revoked)
          for (const { ways } of people) {
            for (const { token: credential, connection } of ways) {
              const passed = await rig.authenticator.authenticate(credential, connection).then(
                () => true,
                () => false,
              )
              assert.equal(passed, !revoked.has(credential))
            }
          }
        }),
        { numRuns: 25 },
      )
    })
  })
})

interface Way {
  readonly token: string
  readonly connection: string | null
  readonly kills: readonly string[]
  revoke(): Promise<unknown>
}

/** A person with a bearer token, a sign-in and a session, and how each of them is cut off. */
async function newcomer(rig: IdentityRig, subject: string): Promise<{ readonly ways: readonly Way[] }> {
  const bearer = await token(subject)
  const signedIn = await rig.authenticator.signInWithIdToken('corp', await token(subject))
  const session = await rig.sessions.open(signedIn.principal, prod)
  const target = { kind: 'principal', issuer: issuer.issuer, subject } as const
  return {
    ways: [
      {
        token: bearer,
        connection: 'prod',
        kills: [bearer, signedIn.token, session.token],
        revoke: () => revoke(rig, target, 'x', ''),
      },
      {
        token: signedIn.token,
        connection: null,
        kills: [signedIn.token, session.token],
        revoke: () => signOut(rig, signedIn.principal),
      },
      {
        token: session.token,
        connection: 'prod',
        kills: [session.token],
        revoke: () => revoke(rig, { kind: 'session', id: session.session.id }, 'x', ''),
      },
    ],
  }
}

function assertDead(
  rig: IdentityRig,
  people: readonly { readonly ways: readonly Way[] }[],
  revoked: ReadonlySet<string>,
): void {
  for (const { ways } of people) {
    for (const { token: credential, connection } of ways) {
      if (revoked.has(credential)) assert.equal(rig.authenticator.cached(credential, connection), undefined)
    }
  }
}
