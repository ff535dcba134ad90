import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { NewEntry } from '../audit/entry.ts'
import { Refusal } from '../errors/refusal.ts'
import type { Principal } from '../identity/principal.ts'
import { openChangeFeed } from '../store/change-feed.ts'
import { openSqliteStore } from '../store/open-sqlite-store.ts'
import type { StateStore } from '../store/store.ts'
import type { Pin, Wish } from './contract.ts'
import type { Linked } from './linked-accounts.ts'
import { type Approvals, openApprovals } from './open-approvals.ts'
import { MINUTE, person, refusedWith, wish as wishOf, yes } from './testing/approvals-rig.ts'

let directory = ''
let store: StateStore
let clock = 0
let made = 0
let entries: NewEntry[] = []
const open: Approvals[] = []

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-approvals-'))
  store = await openSqliteStore(join(directory, 'state.sqlite'))
})
after(async () => {
  for (const one of open) await one.close()
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(() => {
  clock += 24 * 60 * MINUTE
  entries = []
})

/** One gateway of several on the same store; nothing of it runs by itself. */
async function gateway(linked: Linked = () => false): Promise<Approvals> {
  const feed = await openChangeFeed(store, { now: () => clock, every: 20 })
  const approvals = await openApprovals({
    ...{ store, feed, linked },
    log: {
      async append(entry) {
        entries.push(entry)
        return { index: entries.length, time: clock }
      },
    },
    now: () => clock,
    newId: () => `id-${++made}`,
    policyDigest: () => 'sha256:0',
    onError: error => assert.fail(String(error)),
    sweepEvery: 0,
  })
  open.push({
    ...approvals,
    async close() {
      await approvals.close()
      feed.close()
    },
  })
  return approvals
}

const bob = person('bob', ['corp:oncall'])
const dave = person('dave', ['corp:oncall'])

/** Asked for within ten minutes, when nothing else is said. */
const wish = (more: Partial<Wish> = {}): Wish =>
  wishOf({ ...more, requirement: { deadline: 10 * MINUTE, ...more.requirement } })
const no = { verdict: 'deny', reason: 'not now', via: 'cli' } as const
const patient = new AbortController().signal

test('an approval that is good once is used once, however many try', async () => {
  const [here, there] = [await gateway(), await gateway()]
  const want = wish()
  const approval = await here.ask(want, null)
  assert.equal(await here.use(want, null), undefined)
  const waiting = here.wait(approval.id, MINUTE, patient)
  await here.decide(bob, approval.id, yes)
  assert.equal((await waiting).state, 'approved')
  const elsewhere = await there.wait(approval.id, 5_000, patient)
  assert.equal(elsewhere.state, 'approved')
  const tries = Array.from({ length: 10 }, (_, i) =>
    (i % 2 === 0 ? here : there).use({ ...want, call: `try-${i}` }, null),
  )
  const got = (await Promise.all(tries)).filter(grant => grant !== undefined)
  assert.equal(got.length, 1)
  assert.equal(await there.use(want, null), undefined)
})

test('a request that was not carried out gives its grant back, and another one does not', async () => {
  const here = await gateway()
  const want = wish()
  const { id } = await here.ask(want, null)
  await here.decide(bob, id, yes)
  const grant = await here.use(want, null)
  await here.giveBack({ ...grant!, usedBy: 'somebody else' })
  assert.equal(await here.use(want, null), undefined)
  await here.giveBack(grant!)
  assert.ok(await here.use(want, null))
})

test('repetitions share one approval, on any gateway; another body, rule or person does not', async () => {
  const [here, there] = [await gateway(), await gateway()]
  const want = wish()
  const first = await here.ask(want, null)
  const same = await there.ask({ ...want, call: 'again' }, null)
  assert.equal(same.id, first.id)
  assert.equal((await there.get(first.id))?.callCount, 2)
  const other = await here.ask(wish({ ...want, intent: 'another body' }), null)
  assert.notEqual(other.id, first.id)
  const more = await here.ask({ ...want, rules: [...want.rules, 'guard/two'] }, null)
  assert.notEqual(more.id, first.id)
})

test('what asks for the same at the same moment on two gateways gets one approval', async () => {
  const [here, there] = [await gateway(), await gateway()]
  for (let round = 0; round < 10; round++) {
    const want = wish()
    const [one, other] = await Promise.all([
      here.ask(want, null),
      there.ask({ ...want, call: 'other' }, null),
    ])
    assert.equal(one.id, other.id)
    // Who was second has an entry in the trail, and says there that nobody will decide it.
    const asked = entries.filter(entry => entry.kind === 'approval.request').map(entry => entry.call)
    const closed = entries.filter(entry => entry.kind === 'approval.close').map(entry => entry.call)
    assert.deepEqual(
      closed,
      asked.filter(id => id !== one.id),
    )
    entries = []
  }
})

test('who asked, machines, those not named, and those who decided already cannot decide', async () => {
  const here = await gateway()
  const alice = person('alice', ['corp:oncall'])
  const requirement = { ...wish().requirement, quorums: [{ groups: ['corp:oncall'], count: 2, rule: 0 }] }
  const { id } = await here.ask(wish({ principal: alice, requirement }), null)
  await assert.rejects(here.decide(alice, id, yes), refusedWith('second-person-required', 'requester'))
  const twin = { ...alice, issuer: 'https://other.example.com', subject: 'x', username: 'corp:alice' }
  await assert.rejects(here.decide(twin, id, yes), refusedWith('second-person-required', 'requester'))
  const robot = person('robot', ['corp:oncall'], 'job')
  await assert.rejects(here.decide(robot, id, yes), refusedWith('approver-required', 'not-a-person'))
  await assert.rejects(here.decide(person('carol'), id, yes), refusedWith('approver-required', 'quorum'))
  assert.equal((await here.decide(bob, id, yes)).state, 'pending')
  await assert.rejects(here.decide(bob, id, yes), refusedWith('approval-closed', 'decided'))
  assert.equal((await here.decide(dave, id, yes)).state, 'approved')
})

test('one denial ends it, and nobody approves it after', async () => {
  const here = await gateway()
  const want = wish()
  const { id } = await here.ask(want, null)
  assert.equal((await here.decide(bob, id, no)).closedBecause, 'not now')
  await assert.rejects(here.decide(dave, id, yes), refusedWith('approval-closed', 'denied'))
  assert.equal(await here.use(want, null), undefined)
})

test('nobody approves after the deadline, and nobody uses a grant after its time', async () => {
  const here = await gateway()
  const late = wish()
  const { id } = await here.ask(late, null)
  clock += 10 * MINUTE
  await assert.rejects(here.decide(bob, id, yes), refusedWith('approval-closed', 'expired'))
  assert.equal((await here.get(id))?.state, 'expired')

  const timed = wish()
  const { id: second } = await here.ask(timed, null)
  await here.decide(bob, second, yes)
  clock += 15 * MINUTE
  assert.equal(await here.use(timed, null), undefined)
})

test('an object that changed is another one: the old approval is closed, an old grant is of no use', async () => {
  const here = await gateway()
  const pin: Pin = { uid: 'u', digest: 'one' }
  const want = wish()
  const first = await here.ask(want, pin)
  const second = await here.ask(want, { uid: 'u', digest: 'two' })
  assert.notEqual(second.id, first.id)
  assert.equal((await here.get(first.id))?.state, 'cancelled')
  await here.decide(bob, second.id, yes)
  assert.equal(await here.use(want, { uid: 'u', digest: 'three' }), undefined)
  assert.equal(await here.use(want, null), undefined)
  assert.ok(await here.use(want, { uid: 'u', digest: 'two' }))
})

test('a rule that came after the approval is not lifted by it', async () => {
  const here = await gateway()
  const want = wish()
  const { id } = await here.ask(want, null)
  await here.decide(bob, id, yes)
  assert.equal(await here.use({ ...want, rules: ['guard/one', 'guard/new'] }, null), undefined)
  assert.ok(await here.use(want, null))
})

test('a timed grant is good for the same thing again, until it is revoked', async () => {
  const here = await gateway()
  const requirement = { ...wish().requirement, grantFor: 30 * MINUTE }
  const want = wish({ requirement })
  const { id } = await here.ask(want, null)
  const { grant } = await here.decide(bob, id, yes)
  const again = { ...want, intent: 'another body' }
  assert.ok(await here.use(want, null))
  assert.ok(await here.use(again, null))
  assert.equal(await here.use({ ...again, target: 'another object' }, null), undefined)
  assert.equal(await here.use({ ...again, principal: person('mallory') }, null), undefined)
  await here.revoke(dave, grant!, null)
  assert.equal(await here.use(want, null), undefined)
})

test('what is done is in the log first: when it cannot be written nothing is decided', async () => {
  const here = await gateway()
  const want = wish()
  const { id } = await here.ask(want, null)
  assert.deepEqual(
    entries.map(one => one.kind),
    ['approval.request'],
  )
  const push = entries.push.bind(entries)
  entries.push = () => {
    throw new Refusal('audit-unavailable')
  }
  await assert.rejects(here.decide(bob, id, yes), refusedWith('audit-unavailable'))
  entries.push = push
  assert.equal((await here.get(id))?.state, 'pending')
  assert.equal(await here.use(want, null), undefined)
})

test('a decision within three seconds is marked, in the record and in the log', async () => {
  const here = await gateway()
  const { id } = await here.ask(wish(), null)
  clock += 2_000
  const decided = await here.decide(bob, id, yes)
  assert.equal(decided.decisions[0]?.unread, true)
  assert.equal(entries.at(-1)?.head.facts?.unread, true)
})

test('the three seconds count from when this person first saw it', async () => {
  const here = await gateway()
  const { id } = await here.ask(wish(), null)
  clock += MINUTE
  await here.shown(bob, id)
  clock += 2_000
  await here.shown(bob, id)
  assert.equal((await here.decide(bob, id, yes)).decisions[0]?.unread, true)
  const other = await here.ask(wish(), null)
  clock += MINUTE
  await here.shown(dave, other.id)
  assert.equal((await here.decide(bob, other.id, yes)).decisions[0]?.unread, false)
})

test('who asks for more than five in ten minutes has to wait; repetitions do not count', async () => {
  const here = await gateway()
  const principal = person('eager')
  for (let i = 0; i < 5; i++) {
    const want = wish({ principal })
    await here.ask(want, null)
    await here.ask({ ...want, call: 'again' }, null)
  }
  await assert.rejects(here.ask(wish({ principal }), null), refusedWith('too-many-requests'))
  clock += 10 * MINUTE
  assert.ok(await here.ask(wish({ principal }), null))
})

test('a wait ends as it is when patience or the caller ends', async () => {
  const here = await gateway()
  const { id } = await here.ask(wish(), null)
  assert.equal((await here.wait(id, 10, patient)).state, 'pending')
  const leaving = new AbortController()
  const waiting = here.wait(id, MINUTE, leaving.signal)
  leaving.abort()
  assert.equal((await waiting).state, 'pending')
})

test('what ended is forgotten after an hour, and its intent can be asked for anew', async () => {
  const here = await gateway()
  const want = wish()
  const { id } = await here.ask(want, null)
  await here.decide(bob, id, no)
  clock += 61 * MINUTE
  await here.sweep()
  assert.equal(await here.get(id), undefined)
  assert.notEqual((await here.ask(want, null)).id, id)
})

test('what a rule wants on the page is approved there only, right after a sign-in, and denied from anywhere', async () => {
  const here = await gateway()
  const want = wish()
  const page = { ...want, requirement: { ...want.requirement, page: true } }
  const { id } = await here.ask(page, null)
  const onPage = { ...yes, via: 'page' }
  for (const [answer, check] of [
    [yes, 'page'],
    [{ ...yes, authenticatedAt: clock }, 'page'],
    [onPage, 'fresh-sign-in'],
    [{ ...onPage, authenticatedAt: clock - 5 * MINUTE }, 'fresh-sign-in'],
    [{ ...onPage, authenticatedAt: clock + MINUTE }, 'fresh-sign-in'],
  ] as const) {
    await assert.rejects(here.decide(bob, id, answer), refusedWith('page-required', check))
  }
  assert.equal((await here.get(id))?.state, 'pending')
  const fresh = { ...onPage, authenticatedAt: clock - 4 * MINUTE }
  const decided = await here.decide(bob, id, fresh)
  assert.equal(decided.state, 'approved')
  assert.equal('authenticatedAt' in decided.decisions[0]!, false)
  const other = await here.ask({ ...page, intent: 'another', call: 'other' }, null)
  assert.equal((await here.decide(bob, other.id, no)).state, 'denied')
})

test('who set a CI run going approves nothing that it asks for, and nobody approves through a token that acts for a person', async () => {
  const here = await gateway()
  const run: Principal = { ...person('repo:shop/web', [], 'job'), startedBy: ['ci:bob'] }
  const { id } = await here.ask(wish({ principal: run }), null)
  await assert.rejects(here.decide(bob, id, yes), refusedWith('second-person-required', 'requester'))
  const borrowed = { ...dave, startedBy: ['corp:helper'] }
  await assert.rejects(here.decide(borrowed, id, yes), refusedWith('approver-required', 'not-a-person'))
  assert.equal((await here.get(id))?.state, 'pending')
  assert.equal((await here.decide(dave, id, yes)).state, 'approved')
})

test('another account of who asked, or of who has decided, counts as himself', async () => {
  const here = await gateway(
    (one, other) =>
      [one, other].every(p => /alice|root/.test(p.username)) ||
      [one, other].every(p => /bob|rob/.test(p.username)),
  )
  const requirement = { ...wish().requirement, quorums: [{ groups: ['corp:oncall'], count: 2, rule: 0 }] }
  const { id } = await here.ask(wish({ principal: person('alice'), requirement }), null)
  const root = person('root', ['corp:oncall'])
  await assert.rejects(here.decide(root, id, yes), refusedWith('second-person-required', 'requester'))
  await here.decide(bob, id, yes)
  await assert.rejects(
    here.decide(person('rob', ['corp:oncall']), id, yes),
    refusedWith('approval-closed', 'decided'),
  )
  assert.equal((await here.decide(dave, id, yes)).state, 'approved')
})
