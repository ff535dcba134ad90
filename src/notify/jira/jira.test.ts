import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Approval } from '../../approvals/contract.ts'
import { messageOf } from '../../approvals/message.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { Channel } from '../contract.ts'
import { approvalAt } from '../testing/approval.ts'
import { type FakeJira, startFakeJira } from '../testing/fake-jira.ts'
import { createJira } from './create-jira.ts'
import { textOfDocument } from './document-text.ts'

const NOW = 1_800_000_000_000
const TOKEN = ['an', 'api', 'token'].join('-')
const SECRET = 'what signs its webhooks, long enough'
let site: FakeJira
let jira: Channel

before(async () => {
  site = await startFakeJira('gateway@corp.test', TOKEN)
  jira = createJira({
    ...{ name: 'ops', wants: () => true, url: site.url, user: 'gateway@corp.test', apiToken: TOKEN },
    ...{ project: 'OPS', issueType: 'Task', waitingStatus: 'Waiting', closedStatus: 'Done' },
    decisions: { approvedStatus: 'Approved', deniedStatus: 'Denied' },
    webhookSecret: SECRET,
  })
})
after(async () => {
  await jira.end()
  await site.close()
})

const messageAt = (id: string, more: Partial<Approval> = {}) =>
  messageOf(approvalAt(id, NOW, more), 'https://gateway.test')
const read = (issue: string, message: ReturnType<typeof messageAt>) => jira.poll!(issue, message)
const yesOf = (name: string) => ({
  by: { issuer: 'https://issuer.test', subject: name, username: `corp:${name}` },
  ...{ quorums: [0], verdict: 'approve' as const, reason: null, at: NOW, via: 'page', unread: false },
})

test('an issue is opened once, goes on with the approval, and ends', async () => {
  const message = messageAt('a-1', { reason: 'see https://evil.test/x' })
  const issue = await jira.create(message, 'a-1.pending.0')
  assert.equal(await jira.create(message, 'a-1.pending.0'), issue)
  const next = messageAt('a-1', { decisions: [yesOf('bob')] })
  await jira.update(issue, next, 'a-1.pending.1')
  await jira.update(issue, next, 'a-1.pending.1')
  await jira.close(issue, messageAt('a-1', { state: 'expired', closedAt: NOW }), 'a-1.expired.1')
  const made = site.issues.find(one => one.id === issue)!
  assert.equal(made.comments.length, 2)
  assert.equal(made.status, 'Done')
  assert.equal(made.fields.summary, 'Expired [47] corp:alice · delete namespace shop · prod')
  const text = textOfDocument(made.fields.description)
  assert.match(text, /guard\/namespaces[\s\S]*https:\/\/gateway\.test\/approvals\/a-1/)
  assert.doesNotMatch(JSON.stringify(made), /https:\/\/evil/)
})

test('a change of status decides, by whom the history says, with the newest comment as reason', async () => {
  const message = messageAt('a-2')
  const issue = await jira.create(message, 'a-2.pending.0')
  assert.deepEqual(await read(issue, message), [])
  const bob = site.account('bob')
  site.comment(issue, bob, 'it is INC-42')
  site.comment(issue, site.account('mallory'), 'no')
  site.move(issue, bob, 'Approved')
  const { id } = site.issues.at(-1)!.history.at(-1)!
  assert.deepEqual(await read(issue, message), [
    {
      ...{ kind: 'said', approval: 'a-2', verdict: 'approve', reason: 'it is INC-42', shown: '47.0' },
      person: { id: `jira/${new URL(site.url).host}/5b:bob`, name: 'bob' },
      once: `${site.url}/history/${id}`,
    },
  ])
})

test('what was moved back, done by a program or by us, or unknown to the history counts for nothing', async () => {
  const message = messageAt('a-3')
  const issue = await jira.create(message, 'a-3.pending.0')
  const bob = site.account('bob')
  site.move(issue, bob, 'Approved')
  site.move(issue, site.account('carol'), 'Waiting')
  assert.deepEqual(await read(issue, message), [], 'moved back')
  for (const type of ['app', 'customer', 'unknown']) {
    site.move(issue, site.account('robot', type), 'Approved')
    assert.deepEqual(await read(issue, message), [], type)
  }
  site.move(issue, { ...site.account('gateway'), accountType: 'atlassian' }, 'Denied')
  assert.deepEqual(await read(issue, message), [], 'ourselves')
  site.issues.at(-1)!.status = 'Approved'
  assert.deepEqual(await read(issue, message), [], 'its status is not that of the history')
  site.move(issue, bob, 'Done')
  assert.deepEqual(await read(issue, message), [], 'a status that means nothing')
})

test('what was said of the step before is taken back, and has to be said anew', async () => {
  const message = messageAt('a-4')
  const issue = await jira.create(message, 'a-4.pending.0')
  site.move(issue, site.account('bob'), 'Approved')
  const next = messageAt('a-4', { decisions: [yesOf('bob')] })
  await jira.update(issue, next, 'a-4.pending.1')
  assert.deepEqual(await read(issue, next), [])
  site.move(issue, site.account('carol'), 'Denied')
  const [said] = await read(issue, next)
  assert.ok(said?.kind === 'said')
  assert.deepEqual([said.verdict, said.shown, said.person.name], ['deny', '47.1', 'carol'])
})

test('a reminder is told, and takes nothing back that was said', async () => {
  const message = messageAt('a-7')
  const issue = await jira.create(message, 'a-7.pending.0')
  site.move(issue, site.account('bob'), 'Approved')
  const reminder = { ...message, notice: 'nobody has decided for ten minutes' }
  await jira.update(issue, reminder, 'a-7.pending.0.1')
  const { comments } = site.issues.find(one => one.id === issue)!
  assert.match(textOfDocument(comments.at(-1)!.body), /^nobody has decided for ten minutes/)
  assert.equal((await read(issue, reminder)).length, 1)
  const next = messageAt('a-7', { decisions: [yesOf('bob')] })
  await jira.update(issue, next, 'a-7.pending.1')
  site.move(issue, site.account('carol'), 'Approved')
  await jira.update(issue, { ...next, notice: 'still nobody' }, 'a-7.pending.1.1')
  assert.equal((await read(issue, next)).length, 1)
})

test('a code of the page in a comment links its author, unless the comment was changed', async () => {
  const message = messageAt('a-5')
  const issue = await jira.create(message, 'a-5.pending.0')
  const code = `link-${'0a'.repeat(14)}-${'abcdefghijklmnopqrstuvwxyz'}`
  const changed = site.comment(issue, site.account('bob'), code)
  changed.updateAuthor = site.account('mallory')
  assert.deepEqual(await read(issue, message), [])
  site.comment(issue, site.account('bob'), code)
  const [claim, ...rest] = await read(issue, message)
  assert.deepEqual([claim?.kind, claim?.person.name, rest.length], ['claim', 'bob', 0])
})

test('a site that fails is an error without the token, and nothing is lost', async () => {
  for (const status of [401, 429, 500, 302]) {
    site.broken = status
    const other = createJira({
      ...{ name: 'x', wants: () => true, url: site.url, user: 'u', apiToken: TOKEN, project: 'OPS' },
      ...{ issueType: 'Task', waitingStatus: 'Waiting', decisions: null },
    })
    await assert.rejects(other.create(messageAt('a-6'), 'k'), (error: Error) => {
      return error.message.includes(String(status)) && !error.message.includes(TOKEN)
    })
    assert.equal(other.poll, undefined)
    assert.equal(other.receive, undefined)
    await other.end()
  }
  site.broken = null
  assert.ok(await jira.create(messageAt('a-6'), 'a-6.pending.0'))
})

function incoming(body: string, secret = SECRET) {
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
  return { headers: { 'x-hub-signature': signature }, body: Buffer.from(body) }
}

test('what the site sends only wakes, and only when it is signed', () => {
  const body = '{"webhookEvent":"jira:issue_updated","issue":{"id":"10001"},"changelog":{"items":[]}}'
  const { kind, once, ...rest } = jira.receive!(incoming(body))
  assert.deepEqual([kind, rest, once.length], ['wake', { reference: '10001' }, 64])
  const forged = [
    incoming(body, 'another secret'),
    { headers: {}, body: Buffer.from(body) },
    { ...incoming(body), body: Buffer.from(body.replace('10001', '10002')) },
  ]
  for (const one of forged) {
    assert.throws(
      () => jira.receive!(one),
      (e: unknown) => e instanceof Refusal && e.code === 'credential-invalid',
    )
  }
  for (const wrong of ['{}', '[', '{"issue":{"id":"../x"}}', '{"issue":{"id":7}}']) {
    assert.throws(
      () => jira.receive!(incoming(wrong)),
      (e: unknown) => e instanceof Refusal && e.code === 'input-invalid',
    )
  }
})

test('no document makes its reader fail', () => {
  fc.assert(fc.property(fc.anything({ maxDepth: 6 }), value => typeof textOfDocument(value) === 'string'))
})
