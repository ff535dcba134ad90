import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { MINUTE, person, wish, yes } from '../approvals/testing/approvals-rig.ts'
import { openPageRig, type PageRig } from './testing/page-rig.ts'

let page: PageRig
before(async () => {
  page = await openPageRig()
})
after(() => page.close())
beforeEach(() => {
  page.rig.clock += 24 * 60 * MINUTE
  page.fake.deny.clear()
})

const bob = person('bob', ['corp:oncall'])
const dave = person('dave', ['corp:oncall'])
const quorums = [
  { groups: ['corp:oncall'], count: 2, rule: 0, escalate: [{ after: 20 * MINUTE, groups: ['corp:leads'] }] },
]

/** The address by which a page that is open hears of news; absent: it does not ask. */
async function watched(id: string): Promise<string | undefined> {
  return /data-watch="([^"]+)"/.exec((await page.get(bob, `/approvals/${id}`)).text)?.[1]
}

/** Asks as an open page does, then lets something happen: the answer comes with it, not after the page's patience. */
async function newsAfter(id: string, happens: () => Promise<unknown>): Promise<void> {
  const was = (await watched(id))!
  const answer = page.get(bob, was)
  await happens()
  assert.deepEqual(JSON.parse((await answer).text), { changed: true })
  assert.deepEqual(JSON.parse((await page.get(bob, was)).text), { changed: true })
}

test('an open page hears of reminders, escalations, votes, the end and the use of it, when they happen', async () => {
  const want = wish({ requirement: { quorums, remindAfter: 10 * MINUTE } })
  const { id } = await page.approvals.ask(want, null)
  const { sweep, decide, use } = page.approvals
  await newsAfter(id, async () => {
    page.rig.clock += 10 * MINUTE
    await sweep()
  })
  assert.match((await page.get(bob, `/approvals/${id}`)).text, /a reminder: nobody has decided yet/)
  await newsAfter(id, async () => {
    page.rig.clock += 10 * MINUTE
    await sweep()
  })
  assert.match((await page.get(bob, `/approvals/${id}`)).text, /escalated to corp:leads/)
  await newsAfter(id, () => decide(bob, id, yes))
  assert.match((await page.get(dave, `/approvals/${id}`)).text, /Decisions \(1\)[\s\S]*corp:bob approved it/)
  await newsAfter(id, () => decide(dave, id, { ...yes, reason: 'fine' }))
  assert.match((await page.get(bob, `/approvals/${id}`)).text, /Open: for corp:alice-\d+, once/)
  await newsAfter(id, () => use(want, null))
  const used = (await page.get(bob, `/approvals/${id}`)).text
  assert.match(used, new RegExp(`Used, by corp:alice-\\d+\\. Used by request ${want.call}`))
  // Nothing can change any more: the page asks no more.
  assert.equal(await watched(id), undefined)
})

test('what was opened is seen, and ended, by whom policy lets', async () => {
  const want = wish({ requirement: { grantFor: 30 * MINUTE } })
  const { id } = await page.approvals.ask(want, null)
  await page.approvals.decide(bob, id, yes)
  const { grant } = (await page.approvals.get(id))!
  const end = `/approvals/grants/${grant}/end`
  page.fake.deny.add('grant.revoke')
  assert.doesNotMatch((await page.get(bob, `/approvals/${id}`)).text, /End it now/)
  assert.equal((await page.post(bob, end)).status, 403)
  assert.match((await page.get(want.principal, '/approvals/grants')).text, /End it now/)
  page.fake.deny.add('self.grant.revoke').add('grant.list')
  assert.doesNotMatch((await page.get(want.principal, '/approvals/grants')).text, /End it now/)
  assert.doesNotMatch((await page.get(bob, '/approvals/grants')).text, new RegExp(String(grant)))
  page.fake.deny.clear()
  assert.match((await page.get(bob, '/approvals/grants')).text, /Of others[\s\S]*End it now/)
  const ended = await page.post(bob, end)
  assert.deepEqual([ended.status, ended.headers.location], [303, `/approvals/${id}`])
  assert.match((await page.get(bob, `/approvals/${id}`)).text, /Ended before its time by corp:bob/)
  assert.equal(await page.approvals.use(want, null), undefined)
})

test('where a rule wants reasons the form asks for one, and a form without one approves nothing', async () => {
  const { id } = await page.approvals.ask(wish({ requirement: { reason: true } }), null)
  assert.match((await page.get(bob, `/approvals/${id}/approve`)).text, /maxlength="500" required>/)
  const empty = await page.post(bob, `/approvals/${id}/approve`, { reason: ' ' })
  assert.equal(empty.status, 403)
  assert.match(empty.text, /reason-required/)
  assert.equal((await page.post(bob, `/approvals/${id}/approve`, { reason: 'INC-1' })).status, 303)
  assert.equal((await page.approvals.get(id))?.state, 'approved')
})
