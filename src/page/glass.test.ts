import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { Approval } from '../approvals/contract.ts'
import { MINUTE, person, wish } from '../approvals/testing/approvals-rig.ts'
import type { Principal } from '../identity/principal.ts'
import { formTokenOf } from './form.ts'
import { openPageRig, type PageRig } from './testing/page-rig.ts'

let page: PageRig
before(async () => {
  page = await openPageRig()
})
after(() => page.close())
beforeEach(() => {
  page.rig.clock += 24 * 60 * MINUTE
  page.fake.deny.clear()
  page.fake.entries.length = 0
})

const HOUR = 60 * MINUTE
const requirement = { breakGlass: [{ groups: ['corp:sre'], for: 15 * MINUTE, review: 2 * HOUR }] }
const why = { reason: 'the shop is down and nobody answers', ticket: 'INC-42' }
const alice = person('alice', ['corp:sre', 'corp:oncall'])
const bob = person('bob', ['corp:oncall'])
const eve = person('eve')

async function ask(principal: Principal = alice, more: object = requirement): Promise<Approval> {
  return page.approvals.ask(wish({ principal, requirement: more }), null)
}

test('who is named for it is offered to break the glass, is told what it means, and does it with ticket and reason', async () => {
  const { id } = await ask()
  const path = `/approvals/${id}/break-glass`
  assert.match((await page.get(alice, `/approvals/${id}`)).text, new RegExp(`href="${path}"`))
  const asked = (await page.get(alice, path)).text
  assert.match(asked, /Nobody will have approved this/)
  assert.match(asked, /passes for 15 minutes/)
  assert.match(asked, /<label for="ticket">/)
  assert.match(asked, /<label for="reason">/)
  page.fake.entries.length = 0
  const done = await page.post(alice, path, why)
  assert.deepEqual([done.status, done.headers.location], [303, `/approvals/${id}`])
  const { head } = page.fake.entries[0]!
  assert.deepEqual([head.action?.verb, head.action?.name], ['self.approval.break-glass', id])
  assert.equal((await page.approvals.get(id))?.brokenGlass?.ticket, 'INC-42')
  const after = (await page.get(eve, `/approvals/${id}`)).text
  assert.match(after, /Glass broken: nobody approved this/)
  assert.match(after, /INC-42/)
  assert.doesNotMatch(after, /Approved\. Nothing more/)
})

test('nobody else is offered it, and his form is refused', async () => {
  const { id } = await ask()
  const unnamed = await ask(person('dave'))
  const noGlass = await ask(alice, {})
  for (const [who, one] of [
    [bob, id],
    [eve, id],
    [person('dave'), unnamed.id],
    [alice, noGlass.id],
  ] as const) {
    assert.doesNotMatch((await page.get(who, `/approvals/${one}`)).text, /break-glass/)
    const asked = await page.get(who, `/approvals/${one}/break-glass`)
    assert.deepEqual([asked.status, asked.headers.location], [303, `/approvals/${one}`])
    assert.equal((await page.post(who, `/approvals/${one}/break-glass`, why)).status, 403)
    assert.equal((await page.approvals.get(one))?.state, 'pending')
  }
  page.fake.deny.add('self.approval.break-glass')
  assert.doesNotMatch((await page.get(alice, `/approvals/${id}`)).text, /break-glass/)
  const denied = await page.post(alice, `/approvals/${id}/break-glass`, why)
  assert.equal(denied.status, 403)
  assert.match(denied.text, /denied-by-policy/)
})

test('without a ticket, with too short a reason, or by a form of another page nothing is broken', async () => {
  const { id } = await ask()
  const path = `/approvals/${id}/break-glass`
  const two = 'x'.repeat(501)
  for (const fields of [{}, { ...why, ticket: ' ' }, { ...why, reason: 'help' }, { ...why, reason: two }]) {
    assert.equal((await page.post(alice, path, fields)).status, 400, JSON.stringify(fields))
  }
  for (const changed of [
    { form: formTokenOf('spb_bob') },
    { form: '' },
    { headers: { origin: 'https://evil.test' } },
    { headers: { 'sec-fetch-site': 'cross-site' } },
  ]) {
    assert.equal((await page.post(alice, path, why, changed)).status, 403, JSON.stringify(changed))
  }
  assert.equal((await page.approvals.get(id))?.state, 'pending')
})

async function broken(): Promise<string> {
  const { id } = await ask()
  await page.approvals.breakGlass(alice, id, why)
  return id
}

test('another person reviews it with a note; everybody sees what he found', async () => {
  const id = await broken()
  assert.match((await page.get(bob, '/approvals')).text, /Broken glass to be reviewed \(\d+\)/)
  const shown = (await page.get(bob, `/approvals/${id}`)).text
  assert.match(shown, /It was justified/)
  assert.match(shown, /<label for="note">/)
  const judged = { verdict: 'unjustified', note: '<b>it was a drill</b>' }
  assert.equal((await page.post(bob, `/approvals/${id}/review`, { ...judged, note: ' ' })).status, 400)
  assert.equal((await page.post(bob, `/approvals/${id}/review`, { ...judged, verdict: 'fine' })).status, 400)
  const foreign = { headers: { origin: 'https://evil.test' } }
  assert.equal((await page.post(bob, `/approvals/${id}/review`, judged, foreign)).status, 403)
  assert.equal((await page.approvals.get(id))?.brokenGlass?.review, undefined)
  assert.equal((await page.post(bob, `/approvals/${id}/review`, judged)).status, 303)
  const after = (await page.get(eve, `/approvals/${id}`)).text
  assert.match(after, /<strong>unjustified<\/strong>, says corp:bob/)
  assert.doesNotMatch(after, /<b>|\/review"/)
  assert.equal((await page.post(bob, `/approvals/${id}/review`, judged)).status, 409)
})

test('who broke it, whom the rule does not name and whom policy does not let reviews nothing', async () => {
  const id = await broken()
  const judged = { verdict: 'justified', note: 'it was down' }
  for (const [who, words] of [
    [alice, /You cannot review this: who asked for it/],
    [eve, /You cannot review this: rule guard\/one asks for 1 of corp:oncall/],
  ] as const) {
    const shown = (await page.get(who, `/approvals/${id}`)).text
    assert.match(shown, words)
    assert.doesNotMatch(shown, /\/review"/)
    assert.equal((await page.post(who, `/approvals/${id}/review`, judged)).status, 403)
  }
  page.fake.deny.add('approval.review')
  assert.doesNotMatch((await page.get(bob, `/approvals/${id}`)).text, /\/review"/)
  assert.equal((await page.post(bob, `/approvals/${id}/review`, judged)).status, 403)
  page.fake.deny.clear()
  page.rig.clock += 3 * HOUR
  assert.match((await page.get(bob, '/approvals')).text, /<strong>overdue<\/strong>/)
  assert.equal((await page.post(bob, `/approvals/${id}/review`, judged)).status, 303)
})

test('who asked takes it back with a reason; nobody else can', async () => {
  const { id } = await ask()
  const path = `/approvals/${id}/cancel`
  assert.doesNotMatch((await page.get(bob, `/approvals/${id}`)).text, /Take it back/)
  assert.equal((await page.post(bob, path, { reason: 'no' })).status, 403)
  page.fake.deny.add('self.approval.cancel')
  assert.doesNotMatch((await page.get(alice, `/approvals/${id}`)).text, /Take it back/)
  assert.equal((await page.post(alice, path)).status, 403)
  page.fake.deny.clear()
  assert.match((await page.get(alice, `/approvals/${id}`)).text, /Take it back/)
  assert.equal((await page.post(alice, path, { reason: 'wrong cluster' })).status, 303)
  assert.match((await page.get(bob, `/approvals/${id}`)).text, /Cancelled: wrong cluster/)
})
