/** Issues of a real Roundup tracker: what people are told there, and what they say. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Approval } from '../../src/approvals/contract.ts'
import { type ApprovalMessage, messageOf } from '../../src/approvals/message.ts'
import type { Channel, Polled } from '../../src/notify/contract.ts'
import { at, listAt, textAt } from '../../src/notify/outgoing/json.ts'
import { codeOf } from '../../src/notify/outgoing/words.ts'
import { createRoundup } from '../../src/notify/roundup/create-roundup.ts'
import { approvalAt } from '../../src/notify/testing/approval.ts'
import { type RoundupServer, startRoundup } from '../../testbed/roundup/start-roundup.ts'

const NOW = 1_800_000_000_000
let server: RoundupServer
let tracker: Channel

before(
  async () => {
    server = await startRoundup(['sallyport', 'bob', 'mallory'])
    tracker = createRoundup({
      ...{ name: 'tickets', url: server.url, user: 'sallyport', password: server.passwords.sallyport! },
      ...{ decisions: true, wants: () => true, closedStatus: 'resolved', priority: 'urgent' },
    })
  },
  { timeout: 600_000 },
)
after(async () => {
  await tracker?.end()
  await server?.remove()
})

const messageAt = (id: string, more: Partial<Approval> = {}): ApprovalMessage =>
  messageOf(approvalAt(id, NOW, more), 'https://gateway.test')

async function say(user: string, issue: string, content: string, more: object = {}): Promise<string> {
  const call = server.as(user)
  const made = await call('POST', '/msg', { content, author: user, ...more })
  assert.equal(made.status, 201)
  const id = textAt(made.data, 'id')!
  await link(user, issue, id)
  return id
}

async function link(user: string, issue: string, message: string): Promise<void> {
  const linked = await server.as(user)('PATCH', `/issue/${issue}`, { '@op': 'add', messages: [message] })
  assert.equal(linked.status, 200)
}

const read = (issue: string, message: ApprovalMessage): Promise<readonly Polled[]> =>
  tracker.poll!(issue, message)

async function userId(name: string): Promise<string> {
  const { data } = await server.as('admin')('GET', `/user?username=${name}`)
  return textAt(listAt(data, 'collection')[0], 'id')!
}

const one = (by: string, verdict: 'approve' | 'deny') => ({
  by: { issuer: 'https://issuer.test', subject: by, username: `corp:${by}` },
  ...{ quorums: [0], verdict, reason: 'no', at: NOW, via: 'page', unread: false },
})

test('an issue is opened once, goes on with the approval, and ends resolved', async () => {
  const message = messageAt('01-a', { reason: 'see https://evil.test/x' })
  const issue = await tracker.create(message, '01-a.pending.0')
  assert.equal(await tracker.create(message, '01-a.pending.0'), issue, 'a second issue was opened')
  const next = messageAt('01-a', { decisions: [one('bob', 'approve')] })
  await tracker.update(issue, next, '01-a.pending.1')
  await tracker.update(issue, next, '01-a.pending.1')
  const over = messageAt('01-a', { state: 'denied', decisions: [one('bob', 'deny')], closedAt: NOW })
  await tracker.close(issue, over, '01-a.denied.1')
  const { data } = await server.as('bob')('GET', `/issue/${issue}?@verbose=3`)
  assert.match(textAt(data, 'attributes', 'title')!, /^Denied \[47\] corp:alice · delete namespace shop/)
  assert.equal(textAt(data, 'attributes', 'status', 'name'), 'resolved')
  assert.equal(textAt(data, 'attributes', 'priority', 'name'), 'urgent')
  const ids = listAt(data, 'attributes', 'messages').map(m => textAt(m, 'id')!)
  assert.equal(ids.length, 3, 'a step was told twice')
  const first = await server.as('bob')('GET', `/msg/${ids[0]}?@verbose=3`)
  const text = textAt(first.data, 'attributes', 'content')!
  for (const part of [
    'corp:alice · delete namespace shop · prod',
    'guard/namespaces',
    'Check:       47',
    `approve ${codeOf(message)}`,
    'https://gateway.test/approvals/01-a',
    'exactly this request, once',
  ]) {
    assert.ok(text.includes(part), part)
  }
  assert.doesNotMatch(text, /https:\/\/evil/)
})

test('a decision is a message with the code, by who made it as the tracker says', async () => {
  const message = messageAt('01-b')
  const issue = await tracker.create(message, '01-b.pending.0')
  assert.deepEqual(await read(issue, message), [])
  await say('bob', issue, 'is this not what approve means?')
  const id = await say('bob', issue, `Approve ${codeOf(message)}: it is INC-42`, { author: 'mallory' })
  const [said, ...rest] = await read(issue, message)
  assert.deepEqual(rest, [])
  assert.deepEqual(said, {
    ...{ kind: 'said', approval: '01-b', verdict: 'approve', reason: 'it is INC-42', shown: '47.0' },
    person: { id: `roundup/${server.url}/user${await userId('bob')}`, name: 'bob' },
    once: `${server.url}/msg${id}`,
  })
  assert.deepEqual(await read(issue, message), [said], 'what was returned is returned again')
})

test('messages that somebody else changed, moved or wrote for an earlier step count for nothing', async () => {
  const message = messageAt('01-c')
  const issue = await tracker.create(message, '01-c.pending.0')
  const approve = `approve ${codeOf(message)}`
  const mallory = server.as('mallory')

  const content = await say('bob', issue, 'I shall look at it')
  assert.equal((await mallory('PUT', `/msg/${content}`, { content: approve })).status, 200)
  const summary = await say('bob', issue, 'I shall look at it tomorrow')
  assert.equal((await mallory('PUT', `/msg/${summary}`, { content: approve, summary: approve })).status, 200)
  // Within the same second: time alone would not tell.
  const made = await server.as('bob')('POST', '/msg', { content: 'soon', author: 'bob' })
  const quick = textAt(made.data, 'id')!
  await mallory('PUT', `/msg/${quick}`, { summary: approve, content: approve })
  await link('mallory', issue, quick)
  const borrowed = await say('mallory', issue, approve, { author: 'bob', creator: 'bob' })

  const other = messageAt('01-d')
  const elsewhere = await tracker.create(other, '01-d.pending.0')
  const foreign = await say('bob', elsewhere, `approve ${codeOf(other)}`)
  await link('mallory', issue, foreign)

  const found = await read(issue, message)
  assert.deepEqual(
    found.map(({ once, person }) => [once, person.name]),
    [[`${server.url}/msg${borrowed}`, 'mallory']],
    'only what mallory wrote as mallory may be left',
  )
  const denied = await say('bob', issue, `deny ${codeOf(message)}`)
  assert.equal((await read(issue, message)).length, 2)
  await mallory('PUT', `/msg/${denied}`, { content: approve })
  assert.equal((await read(issue, message)).length, 1, 'it counts though content and summary differ')

  await say('bob', issue, approve)
  const next = messageAt('01-c', { decisions: [one('carol', 'approve')] })
  await tracker.update(issue, next, '01-c.pending.1')
  assert.deepEqual(await read(issue, next), [], 'what was said of the step before counts')
  await say('bob', issue, `approve ${codeOf(next)}`)
  assert.equal(at((await read(issue, next))[0], 'shown'), '47.1')
})

test('what we wrote ourselves is no decision', async () => {
  const message = messageAt('01-e')
  const issue = await tracker.create(message, '01-e.pending.0')
  await say('sallyport', issue, `approve ${codeOf(message)}`)
  assert.deepEqual(await read(issue, message), [])
})

test('a code of the page links whoever wrote it', async () => {
  const message = messageAt('01-f')
  const issue = await tracker.create(message, '01-f.pending.0')
  const code = `link-${'0a'.repeat(14)}-${'abcdefghijklmnopqrstuvwxyz'}`
  const id = await say('bob', issue, code)
  assert.deepEqual(await read(issue, message), [
    {
      ...{ kind: 'claim', code, once: `${server.url}/msg${id}` },
      person: { id: `roundup/${server.url}/user${await userId('bob')}`, name: 'bob' },
    },
  ])
})

test('a tracker that is down or refuses is an error without the password, and works again afterwards', async () => {
  const message = messageAt('01-g')
  const wrong = createRoundup({
    ...{
      name: 'wrong',
      url: server.url,
      user: 'sallyport',
      password: 'not-the-password',
      decisions: true,
      wants: () => true,
    },
  })
  await assert.rejects(wrong.create(message, 'k'), (error: Error) => {
    assert.match(error.message, /401/)
    return !error.message.includes('not-the-password')
  })
  await wrong.end()
  await server.stop()
  await assert.rejects(tracker.create(message, '01-g.pending.0'))
  await server.start()
  const issue = await tracker.create(message, '01-g.pending.0')
  await say('bob', issue, `deny ${codeOf(message)} because`)
  assert.equal((await read(issue, message)).length, 1)
})

test('without decisions nothing is read', () => {
  const teller = createRoundup({
    ...{
      name: 'teller',
      url: server.url,
      user: 'sallyport',
      password: 'p',
      decisions: false,
      wants: () => true,
    },
  })
  assert.equal(teller.poll, undefined)
  return teller.end()
})
