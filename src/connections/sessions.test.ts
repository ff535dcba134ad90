import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../errors/refusal.ts'
import type { Principal } from '../identity/principal.ts'
import {
  type IdentityRig,
  openIdentityRig,
  type RigOptions,
  START,
  testConnection,
} from '../identity/testing/identity-rig.ts'
import { openSqliteStore } from '../store/open-sqlite-store.ts'
import type { StateStore } from '../store/store.ts'
import { implicitKey } from './session-record.ts'

const MINUTE = 60_000
const prod = testConnection('prod', { idle: 10 * MINUTE, maximum: 60 * MINUTE })
const dev = testConnection('dev')
const refusal = (code: string) => (error: Refusal) => error.code === code

function principal(more: Partial<Principal> = {}): Principal {
  return {
    issuer: 'https://issuer.example.com',
    subject: 'alice',
    kind: 'person',
    username: 'corp:alice',
    groups: ['corp:dev', 'corp:ops'],
    authentication: {
      method: 'oidc',
      provider: 'corp',
      validUntil: Number.MAX_SAFE_INTEGER,
      credentialDigest: 'digest-of-a-token',
    },
    ...more,
  }
}

async function withRig(test: (rig: IdentityRig) => Promise<void>, options: RigOptions = {}): Promise<void> {
  const rig = await openIdentityRig(options)
  try {
    await test(rig)
    assert.deepEqual(rig.errors, [])
  } finally {
    await rig.close()
  }
}

describe('explicit sessions', () => {
  it('have a token of their own that is good on their connection only', async () => {
    await withRig(async rig => {
      const { session, token, idle } = await rig.sessions.open(principal(), prod)
      assert.match(session.id, /^s-[a-z2-7]{26}$/)
      assert.match(token, /^sps_[\w-]{43}$/)
      assert.equal(idle, 10 * MINUTE)
      assert.deepEqual([session.opened, session.expiresAt - session.openedAt], ['explicitly', 60 * MINUTE])
      const verified = await rig.authenticator.authenticate(token, 'prod')
      assert.deepEqual([verified.authentication.method, verified.username], ['session', 'corp:alice'])
      assert.equal(await rig.sessions.enter(verified, prod), session)
      assert.equal(rig.sessions.live(verified, 'prod'), session)
      assert.equal(rig.sessions.live(verified, 'dev'), undefined)
      await assert.rejects(rig.sessions.enter(verified, dev), refusal('session-ended'))
      for (const connection of ['dev', null]) {
        assert.equal(rig.authenticator.cached(token, connection), undefined)
        await assert.rejects(rig.authenticator.authenticate(token, connection), refusal('credential-invalid'))
      }
      assert.ok(!JSON.stringify(await rig.store.changesSince(0)).includes(token.slice(4)))
    })
  })

  it('end after the maximum, after the idle time, and never outlive their sign-in', async () => {
    await withRig(async rig => {
      const first = await rig.sessions.open(principal(), prod)
      rig.now += 10 * MINUTE - 1
      const used = await rig.authenticator.authenticate(first.token, 'prod')
      assert.ok(rig.sessions.live(used, 'prod'))
      rig.now += 10 * MINUTE
      assert.equal(rig.authenticator.cached(first.token, 'prod'), undefined)
      await assert.rejects(rig.authenticator.authenticate(first.token, 'prod'), refusal('session-ended'))
      await assert.rejects(rig.sessions.enter(used, prod), refusal('session-ended'))

      const second = await rig.sessions.open(principal(), prod)
      const held = await rig.authenticator.authenticate(second.token, 'prod')
      for (let n = 0; n < 12; n += 1) {
        assert.ok(rig.sessions.live(held, 'prod'))
        rig.now += 5 * MINUTE
      }
      assert.equal(rig.sessions.live(held, 'prod'), undefined)

      const short = principal({
        authentication: { ...principal().authentication, validUntil: rig.now + MINUTE },
      })
      assert.equal((await rig.sessions.open(short, prod)).session.expiresAt, rig.now + MINUTE)
    })
  })

  it('are limited for each principal', async () => {
    await withRig(async rig => {
      await Promise.all(Array.from({ length: 200 }, () => rig.sessions.open(principal(), prod)))
      await assert.rejects(rig.sessions.open(principal(), prod), refusal('too-many-requests'))
      await rig.sessions.open(principal({ subject: 'bob' }), prod)
    })
  })
})

describe('implicit sessions', () => {
  it('open with the first request and are the same one for the next', async () => {
    await withRig(async rig => {
      const sessions = await Promise.all([1, 2, 3].map(() => rig.sessions.enter(principal(), prod)))
      assert.equal(new Set(sessions.map(one => one.id)).size, 1)
      assert.equal(rig.sessions.live(principal(), 'prod'), sessions[0])
      assert.equal(sessions[0]?.opened, 'implicitly')
      assert.notEqual((await rig.sessions.enter(principal(), dev)).id, sessions[0]?.id)
      assert.deepEqual(
        rig.journal.filter(line => line.includes(sessions[0]?.id ?? '-')),
        [`open ${sessions[0]?.id}`],
      )
    })
  })

  it('C46 are never shared by callers that a policy could tell apart', () => {
    const account = {
      connection: 'prod',
      namespace: 'n',
      name: 'a',
      uid: 'u',
      pod: { name: 'p', uid: 'x' },
      node: 'm',
    }
    const others: Partial<Principal>[] = [
      {},
      { issuer: 'https://other.example.com' },
      { subject: 'bob' },
      { kind: 'job' },
      { username: 'corp:bob' },
      { groups: ['corp:dev'] },
      { groups: ['corp:dev', 'corp:ops', 'corp:admins'] },
      { groups: ['corp:dev,corp:ops'] },
      { displayName: 'x' },
      { email: 'x' },
      { claims: {} },
      { claims: { team: [] } },
      { claims: { team: ['a', 'b'] } },
      { claims: { team: ['a,b'] } },
      { authentication: { ...principal().authentication, provider: 'other' } },
      { authentication: { ...principal().authentication, method: 'tokenreview' } },
      { serviceAccount: account },
      { serviceAccount: { ...account, uid: 'v' } },
      { serviceAccount: { ...account, pod: { name: 'p', uid: 'y' } } },
      { serviceAccount: { ...account, node: 'other' } },
      { serviceAccount: { ...account, connection: 'dev' } },
    ]
    const keys = others.map(more => implicitKey(principal(more), 'prod'))
    assert.equal(new Set([...keys, implicitKey(principal(), 'dev')]).size, keys.length + 1)
    const same = principal({
      groups: ['corp:ops', 'corp:dev'],
      authentication: {
        ...principal().authentication,
        validUntil: 5,
        credentialDigest: 'renewed',
        issuedAt: 7,
      },
    })
    assert.equal(implicitKey(same, 'prod'), keys[0], 'a renewed token of the same caller is the same session')
  })

  it('are followed by a new one after idle time or maximum', async () => {
    await withRig(async rig => {
      const first = await rig.sessions.enter(principal(), prod)
      rig.now += 10 * MINUTE
      const second = await rig.sessions.enter(principal(), prod)
      assert.notEqual(second.id, first.id)
      for (let n = 0; n < 15; n += 1) {
        rig.now += 4 * MINUTE
        await rig.sessions.enter(principal(), prod)
      }
      const third = await rig.sessions.enter(principal(), prod)
      assert.notEqual(third.id, second.id)
      assert.deepEqual(rig.journal, [
        `open ${first.id}`,
        `close ${first.id} idle`,
        `open ${second.id}`,
        `close ${second.id} expired`,
        `open ${third.id}`,
      ])
    })
  })

  it('carry a reason that all processes see, until they end', async () => {
    const store = await openSqliteStore(':memory:')
    const [here, there] = (await Promise.all([1, 2].map(() => openIdentityRig({ store })))) as [
      IdentityRig,
      IdentityRig,
    ]
    const { id } = await here.sessions.enter(principal(), prod)
    assert.equal((await there.sessions.setReason(id, 'INC-42'))?.reason, 'INC-42')
    assert.equal((await there.sessions.enter(principal(), prod)).reason, 'INC-42')
    await here.feed.catchUp()
    assert.equal(here.sessions.live(principal(), 'prod')?.reason, 'INC-42')
    // Being used, and another reason meanwhile, do not take turns to undo each other.
    await Promise.all([here.sessions.setReason(id, 'INC-43'), there.sessions.sweep()])
    await there.feed.catchUp()
    assert.equal(there.sessions.get(id)?.session.reason, 'INC-43')
    await here.sessions.end(id, { reason: 'ended' })
    assert.equal(await here.sessions.setReason(id, 'late'), undefined)
    assert.equal(await there.sessions.setReason(id, 'late'), undefined)
    assert.equal(await there.sessions.setReason('s-none', 'x'), undefined)
    for (const rig of [here, there]) await rig.close()
    await store.close()
  })

  it('are one for all processes, whoever is first', async () => {
    const store = await openSqliteStore(':memory:')
    const rigs = await Promise.all([1, 2, 3].map(() => openIdentityRig({ store })))
    const entered = await Promise.all(rigs.map(rig => rig.sessions.enter(principal(), prod)))
    assert.equal(new Set(entered.map(one => one.id)).size, 1)
    const journal = rigs.flatMap(rig => rig.journal)
    const opened = journal.filter(line => line.startsWith('open')).map(line => line.split(' ')[1])
    const undone = journal.filter(line => line.endsWith('not-opened')).map(line => line.split(' ')[1])
    assert.deepEqual(
      opened.filter(id => !undone.includes(id)),
      [entered[0]?.id],
    )
    for (const rig of rigs) await rig.close()
    await store.close()
  })
})

describe('sessions', () => {
  it('are not opened when their opening cannot be recorded', async () => {
    const opening = () => Promise.reject(new Refusal('audit-unavailable'))
    await withRig(
      async rig => {
        await assert.rejects(rig.sessions.enter(principal(), prod), refusal('audit-unavailable'))
        await assert.rejects(rig.sessions.open(principal(), prod), refusal('audit-unavailable'))
        assert.deepEqual([rig.sessions.list(), await rig.store.list('session')], [[], []])
      },
      { hooks: { opening } },
    )
  })

  it('are recorded before anybody can use them', async () => {
    let release = () => {}
    const opening = () => new Promise<void>(resolve => (release = resolve))
    await withRig(
      async rig => {
        const entering = rig.sessions.enter(principal(), prod)
        await new Promise(resolve => setImmediate(resolve))
        assert.equal(rig.sessions.live(principal(), 'prod'), undefined)
        assert.deepEqual(await rig.store.list('session'), [])
        release()
        const session = await entering
        assert.equal(rig.sessions.live(principal(), 'prod'), session)
      },
      { hooks: { opening } },
    )
  })

  it('that cannot be stored are not opened, and their record is closed again', async () => {
    const inner = await openSqliteStore(':memory:')
    const store: StateStore = { ...inner, commit: () => Promise.reject(new Error('disk full')) }
    await withRig(
      async rig => {
        await assert.rejects(rig.sessions.enter(principal(), prod), refusal('state-unavailable'))
        const id = rig.journal[0]?.split(' ')[1]
        assert.deepEqual(rig.journal, [`open ${id}`, `close ${id} not-opened`])
      },
      { store },
    )
    await inner.close()
  })

  it('end once, tell their streams once, and can be shown afterwards', async () => {
    await withRig(async rig => {
      const { session, token } = await rig.sessions.open(principal(), prod)
      const cuts: string[] = []
      rig.sessions.onEnd(session.id, end => cuts.push(`a ${end.reason}`))
      rig.sessions.onEnd(session.id, () => cuts.push('never'))()
      const ended = await Promise.all(
        [1, 2, 3].map(() => rig.sessions.end(session.id, { reason: 'ended', by: 'x' })),
      )
      assert.deepEqual(ended.sort(), [false, false, true])
      assert.deepEqual(cuts, ['a ended'])
      rig.sessions.onEnd(session.id, end => cuts.push(`late ${end.reason}`))
      assert.deepEqual(cuts, ['a ended', 'late ended'])
      assert.equal(rig.authenticator.cached(token, 'prod'), undefined)
      assert.deepEqual(rig.journal, [`open ${session.id}`, `close ${session.id} ended`])
      assert.equal(rig.sessions.get(session.id), undefined)
      const past = await rig.sessions.past(session.id)
      assert.deepEqual(
        [past?.session, past?.end, past?.closed],
        [session, { reason: 'ended', by: 'x' }, true],
      )
      assert.deepEqual((await rig.sessions.listPast({ limit: 10 })).length, 1)
      rig.now += 7 * 24 * 60 * MINUTE + 1
      await rig.sessions.sweep()
      assert.equal(await rig.sessions.past(session.id), undefined)
    })
  })

  it('end for their other streams when one listener throws', async () => {
    const rig = await openIdentityRig()
    const { session } = await rig.sessions.open(principal(), prod)
    const cuts: string[] = []
    rig.sessions.onEnd(session.id, () => {
      throw new Error('broken stream')
    })
    rig.sessions.onEnd(session.id, () => cuts.push('second'))
    assert.equal(await rig.sessions.end(session.id, { reason: 'ended' }), true)
    assert.deepEqual(cuts, ['second'])
    assert.equal(rig.errors.length, 1)
    await rig.close()
  })

  it('are listed in order of opening with when they were last used', async () => {
    await withRig(async rig => {
      const first = await rig.sessions.open(principal(), prod)
      rig.now += 1_000
      const second = await rig.sessions.enter(principal(), prod)
      rig.now += 1_000
      rig.sessions.live(principal(), 'prod')
      assert.deepEqual(
        rig.sessions.list().map(one => [one.id, rig.now - one.lastUsedAt]),
        [
          [first.session.id, 2_000],
          [second.id, 0],
        ],
      )
    })
  })

  it('write when they were used at most every 30 s, and nothing on the way of a request', async () => {
    let commits = 0
    const inner = await openSqliteStore(':memory:')
    const store: StateStore = {
      ...inner,
      commit: changes => {
        commits += 1
        return inner.commit(changes)
      },
    }
    await withRig(
      async rig => {
        const user = principal()
        await rig.sessions.enter(user, prod)
        assert.equal(commits, 1)
        for (let n = 0; n < 100; n += 1) {
          rig.now += 1_000
          assert.ok(rig.sessions.live(user, 'prod'))
          if (n % 15 === 0) await rig.sessions.sweep()
        }
        assert.ok(commits >= 3 && commits <= 5, `${commits} commits in 100 s`)
      },
      { store },
    )
    await inner.close()
  })

  it('that are idle or over are swept, but not while another process uses them', async () => {
    const store = await openSqliteStore(':memory:')
    const busy = await openIdentityRig({ store })
    const other = await openIdentityRig({ store })
    const user = principal()
    const session = await busy.sessions.enter(user, prod)
    await other.feed.catchUp()
    for (let n = 0; n < 40; n += 1) {
      busy.now += MINUTE
      other.now = busy.now
      assert.ok(busy.sessions.live(user, 'prod'))
      await busy.sessions.sweep()
      await other.feed.catchUp()
      await other.sessions.sweep()
    }
    assert.equal(other.sessions.list()[0]?.id, session.id)
    busy.now += 10 * MINUTE
    other.now = busy.now + MINUTE
    await other.sessions.sweep()
    await busy.feed.catchUp()
    assert.equal(busy.sessions.live(user, 'prod'), undefined)
    assert.deepEqual(other.journal, [`close ${session.id} idle`])
    for (const rig of [busy, other]) await rig.close()
    await store.close()
  })

  it('survive a restart, and those that ran out meanwhile are closed by the next process', async () => {
    const store = await openSqliteStore(':memory:')
    const first = await openIdentityRig({ store })
    const kept = await first.sessions.open(principal(), testConnection('prod', { idle: 600 * MINUTE }))
    const lost = await first.sessions.open(principal(), prod)
    await first.close()
    const second = await openIdentityRig({ store })
    second.now += 60 * MINUTE
    await second.sessions.sweep()
    assert.deepEqual(second.journal, [`close ${lost.session.id} expired`])
    assert.ok(await second.authenticator.authenticate(kept.token, 'prod'))
    await second.close()
    await store.close()
  })

  it('whose close could not be recorded are closed again, also by the next process', async () => {
    const store = await openSqliteStore(':memory:')
    const sealed = () => Promise.reject(new Refusal('audit-unavailable'))
    const first = await openIdentityRig({ store, hooks: { closed: sealed } })
    const { session, token } = await first.sessions.open(principal(), prod)
    await assert.rejects(first.sessions.end(session.id, { reason: 'ended' }), refusal('audit-unavailable'))
    assert.equal(first.authenticator.cached(token, 'prod'), undefined)
    await assert.rejects(first.sessions.sweep(), refusal('audit-unavailable'))
    await first.close()
    const early = await openIdentityRig({ store, start: START + MINUTE / 2 })
    await early.sessions.sweep()
    assert.deepEqual(early.journal, [], 'the first process may still be at it')
    await early.close()
    for (const expected of [[`close ${session.id} ended`], []]) {
      const next = await openIdentityRig({ store, start: START + 2 * MINUTE })
      await next.sessions.sweep()
      assert.deepEqual(next.journal, expected)
      await next.close()
    }
    await store.close()
  })

  it('never come back after they have ended, in any process, in any order (property)', async () => {
    const step = fc.record({
      at: fc.nat(1),
      op: fc.constantFrom('enter', 'end', 'catchUp', 'sweep', 'wait'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
        const store = await openSqliteStore(':memory:')
        const rigs = await Promise.all([openIdentityRig({ store }), openIdentityRig({ store })])
        const dead = new Map<string, number>()
        const running: Promise<unknown>[] = []
        for (const { at, op } of steps) {
          const rig = rigs[at]!
          if (op === 'enter') running.push(rig.sessions.enter(principal(), prod))
          else if (op === 'catchUp') running.push(rig.feed.catchUp())
          else if (op === 'sweep') running.push(rig.sessions.sweep())
          else if (op === 'wait') {
            for (const one of rigs) one.now += MINUTE
            await Promise.all(running)
          } else {
            const [first] = rig.sessions.list()
            if (first !== undefined) {
              running.push(rig.sessions.end(first.id, { reason: 'ended' }).then(() => dead.set(first.id, at)))
            }
          }
          // the process that ended it knows at once, whichever took this step; the other one by its feed
          for (const [by, { sessions }] of rigs.entries()) {
            for (const one of sessions.list()) assert.notEqual(dead.get(one.id), by)
          }
        }
        await Promise.all(running)
        for (const rig of rigs) await rig.feed.catchUp()
        const [a, b] = rigs.map(rig => rig.sessions.list().map(one => one.id))
        assert.deepEqual(a, b)
        for (const id of dead.keys()) assert.ok(!a?.includes(id))
        const journal = rigs.flatMap(rig => rig.journal)
        const opened = journal.filter(line => line.startsWith('open ')).map(line => line.split(' ')[1]!)
        const closed = journal.filter(line => line.startsWith('close ')).map(line => line.split(' ')[1]!)
        assert.equal(new Set(closed).size, closed.length, 'no session is closed twice')
        assert.deepEqual(opened.filter(id => !closed.includes(id)).sort(), [...(a ?? [])].sort())
        for (const rig of rigs) await rig.close()
        await store.close()
      }),
      { numRuns: 20 },
    )
  })
})
