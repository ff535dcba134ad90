import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { MINUTE, person, wish } from '../approvals/testing/approvals-rig.ts'
import { openPageRig, type PageRig } from './testing/page-rig.ts'

let page: PageRig
before(async () => {
  page = await openPageRig()
})
after(() => page.close())
beforeEach(() => {
  page.rig.clock += 30 * 24 * 60 * MINUTE
  page.fake.deny.clear()
  page.fake.entries.length = 0
})

const bob = person('bob', ['corp:oncall'])
const dave = person('dave')
const eve = person('eve')
const PATH = '/approvals/delegations'

function soon(minutes: number): string {
  return new Date(page.rig.clock + minutes * MINUTE).toISOString().slice(0, 16)
}

test('a person names who decides in his place, until when and for which rules, and takes it back', async () => {
  assert.match((await page.get(bob, PATH)).text, /<label for="until">Until when, in UTC/)
  const wanted = { to: 'corp:dave', until: soon(60), rules: 'guard/*\r\n\r\nmoney/two\r\n', reason: 'away' }
  const done = await page.post(bob, PATH, wanted)
  assert.deepEqual([done.status, done.headers.location], [303, PATH])
  const [made] = page.approvals.delegations()
  assert.deepEqual(
    [made!.person.username, made!.to, made!.rules, made!.until - page.rig.clock, made!.reason],
    ['corp:bob', 'corp:dave', ['guard/*', 'money/two'], 60 * MINUTE, 'away'],
  )
  const { id } = await page.approvals.ask(wish(), null)
  assert.match((await page.get(dave, `/approvals/${id}`)).text, /Approve…/)
  assert.match((await page.get(dave, PATH)).text, /You stand in for others \(1\)/)
  assert.equal((await page.post(dave, `/approvals/${id}/approve`)).status, 303)
  assert.match(
    (await page.get(bob, `/approvals/${id}`)).text,
    /corp:dave approved it in the place of corp:bob/,
  )
  assert.equal((await page.post(bob, `${PATH}/${made!.id}/end`)).status, 303)
  assert.doesNotMatch((await page.get(bob, PATH)).text, /corp:dave<\/strong>/)
  assert.equal((await page.post(bob, `${PATH}/${made!.id}/end`)).status, 404)
})

test('an end in the past, beyond fourteen days or none, a pattern for a person and oneself are refused', async () => {
  const good = { to: 'corp:dave', until: soon(60) }
  for (const [change, status] of [
    [{ until: '' }, 400],
    [{ until: 'tomorrow' }, 400],
    [{ until: soon(-60) }, 400],
    [{ until: soon(14 * 24 * 60 + 1) }, 400],
    [{ until: '2026-02-31T99:99' }, 400],
    [{ to: 'corp:*' }, 400],
    [{ to: '' }, 400],
    [{ rules: 'x\n'.repeat(51) }, 400],
    [{ to: 'corp:bob' }, 403],
  ] as const) {
    assert.equal((await page.post(bob, PATH, { ...good, ...change })).status, status, JSON.stringify(change))
  }
  assert.equal((await page.post(bob, PATH, good, { form: 'x' })).status, 403)
  const foreign = { headers: { origin: 'https://evil.test' } }
  assert.equal((await page.post(bob, PATH, good, foreign)).status, 403)
  const now = page.rig.clock
  assert.equal(page.approvals.delegations().filter(one => one.until > now).length, 0)
})

test('what policy does not let somebody do is neither offered nor done; those of others are seen by whom it lets', async () => {
  assert.equal((await page.post(bob, PATH, { to: 'corp:dave', until: soon(60) })).status, 303)
  const { id } = page.approvals.delegations()[0]!
  assert.match((await page.get(eve, PATH)).text, /Of others \(1\)/)
  page.fake.deny.add('delegation.list').add('delegation.end')
  assert.doesNotMatch((await page.get(eve, PATH)).text, /corp:dave<\/strong>/)
  assert.equal((await page.post(eve, `${PATH}/${id}/end`)).status, 403)
  assert.doesNotMatch((await page.get(dave, PATH)).text, /Take it back/)
  page.fake.deny.add('self.approval.delegate')
  assert.doesNotMatch((await page.get(bob, PATH)).text, /Take it back|name="until"/)
  assert.equal((await page.post(bob, PATH, { to: 'corp:dave', until: soon(60) })).status, 403)
  assert.equal((await page.post(bob, `${PATH}/${id}/end`)).status, 403)
  const robot = person('robot', [], 'job')
  page.fake.deny.clear()
  assert.doesNotMatch((await page.get(robot, PATH)).text, /name="until"/)
  assert.equal((await page.post(robot, PATH, { to: 'corp:dave', until: soon(60) })).status, 403)
})
