/** A room of a real Synapse: what people are told there, and what they say. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Approval } from '../../src/approvals/contract.ts'
import { type ApprovalMessage, messageOf } from '../../src/approvals/message.ts'
import type { Channel, Polled } from '../../src/notify/contract.ts'
import { createMatrix } from '../../src/notify/matrix/create-matrix.ts'
import { at, listAt, textAt } from '../../src/notify/outgoing/json.ts'
import { approvalAt } from '../../src/notify/testing/approval.ts'
import { type SynapseServer, startSynapse } from '../../testbed/synapse/start-synapse.ts'

const NOW = 1_800_000_000_000
let server: SynapseServer
let room: string
let chat: Channel
let number = 0

before(
  async () => {
    server = await startSynapse(['sallyport', 'bob', 'carol', 'mallory'])
    room = await server.room('sallyport', ['bob', 'carol', 'mallory'])
    chat = channelIn(room)
  },
  { timeout: 600_000 },
)
after(async () => {
  await chat?.end()
  await server?.remove()
})

function channelIn(room: string, accessToken = server.tokens.sallyport!): Channel {
  return createMatrix({
    name: 'room',
    url: server.url,
    room,
    accessToken,
    decisions: true,
    wants: () => true,
  })
}

const messageAt = (id: string, more: Partial<Approval> = {}): ApprovalMessage =>
  messageOf(approvalAt(id, NOW, more), 'https://gateway.test')

async function send(user: string, type: string, content: object): Promise<string> {
  const path = `/v3/rooms/${encodeURIComponent(room)}/send/${type}/t${++number}`
  return String((await server.as(user)('PUT', path, content)).event_id)
}
const react = (user: string, event: string, key: string): Promise<string> =>
  send(user, 'm.reaction', { 'm.relates_to': { rel_type: 'm.annotation', event_id: event, key } })
const reply = (user: string, event: string, body: string, more: object = {}): Promise<string> =>
  send(user, 'm.room.message', {
    ...{ msgtype: 'm.text', body },
    'm.relates_to': { 'm.in_reply_to': { event_id: event } },
    ...more,
  })
const read = (event: string, message: ApprovalMessage): Promise<readonly Polled[]> =>
  chat.poll!(event, message)

const one = (by: string, verdict: 'approve' | 'deny') => ({
  by: { issuer: 'https://issuer.test', subject: by, username: `corp:${by}` },
  ...{ quorums: [0], verdict, reason: null, at: NOW, via: 'page', unread: false },
})

async function bodies(): Promise<string[]> {
  const path = `/v3/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=100`
  const { chunk } = await server.as('bob')('GET', path)
  return (chunk as unknown[]).map(event => textAt(event, 'content', 'body') ?? '')
}

test('a question is asked once, and says what people need to know', async () => {
  const message = messageAt('a-1', { reason: 'see https://evil.test/x @room' })
  const event = await chat.create(message, 'a-1.pending.0')
  assert.equal(await chat.create(message, 'a-1.pending.0'), event, 'a repetition is another message')
  const [text] = (await bodies()).filter(body => body.includes('a-1'))
  for (const part of [
    'corp:alice · delete namespace shop · prod',
    'Check:       47',
    'https://gateway.test/approvals/a-1',
  ]) {
    assert.ok(text!.includes(part), part)
  }
  assert.doesNotMatch(text!, /https:\/\/evil|@room/)
})

test('a reaction or a reply decides, by whom the server says', async () => {
  const message = messageAt('a-2')
  const event = await chat.create(message, 'a-2.pending.0')
  assert.deepEqual(await read(event, message), [])
  const yes = await react('bob', event, '✅\ufe0f')
  const no = await reply(
    'carol',
    event,
    '> <@sallyport:chat.test> Approval wanted\n> approve\n\nDeny: not today',
  )
  const base = { kind: 'said', approval: 'a-2', shown: '47.0' }
  const expected = [
    {
      ...{ ...base, verdict: 'deny', reason: 'not today', once: no },
      person: { id: 'matrix/@carol:chat.test', name: '@carol:chat.test' },
    },
    {
      ...{ ...base, verdict: 'approve', reason: null, once: yes },
      person: { id: 'matrix/@bob:chat.test', name: '@bob:chat.test' },
    },
  ]
  assert.deepEqual(await read(event, message), expected)
})

test('what was taken back or edited, is of somebody who left, or is about another message counts for nothing', async () => {
  const message = messageAt('a-3')
  const event = await chat.create(message, 'a-3.pending.0')
  const other = await chat.create(messageAt('a-4'), 'a-4.pending.0')

  const back = await react('bob', event, '✅')
  await server.as('bob')(
    'PUT',
    `/v3/rooms/${encodeURIComponent(room)}/redact/${encodeURIComponent(back)}/r1`,
    {},
  )
  const edited = await reply('bob', event, 'I think about it')
  await send('bob', 'm.room.message', {
    ...{ msgtype: 'm.text', body: '* approve' },
    'm.new_content': { msgtype: 'm.text', body: 'approve' },
    'm.relates_to': { rel_type: 'm.replace', event_id: edited },
  })
  const changed = await reply('bob', event, 'approve')
  await send('bob', 'm.room.message', {
    ...{ msgtype: 'm.text', body: '* no' },
    'm.new_content': { msgtype: 'm.text', body: 'no' },
    'm.relates_to': { rel_type: 'm.replace', event_id: changed },
  })
  await react('bob', other, '✅')
  await react('bob', event, '🎉')
  await reply('bob', event, 'approved things are good things')
  await reply('bob', event, 'approve', { msgtype: 'm.notice' })
  await send('bob', 'm.room.message', { msgtype: 'm.text', body: 'approve' })
  // A message that looks like ours, by somebody else.
  const fake = await send('mallory', 'm.room.message', {
    ...{ msgtype: 'm.text', body: 'Approval wanted [47] …' },
    'dev.sallyport.question': { approval: 'a-3', shown: '47.0' },
    'm.relates_to': { rel_type: 'm.reference', event_id: event },
  })
  await react('bob', fake, '✅')
  await reply('bob', fake, 'approve')
  await send('bob', 'm.reaction', { sender: '@carol:chat.test', 'm.relates_to': {} })
  assert.deepEqual(await read(event, message), [])

  await react('carol', event, '✅')
  assert.equal((await read(event, message)).length, 1)
  await server.as('carol')('POST', `/v3/rooms/${encodeURIComponent(room)}/leave`, {})
  assert.deepEqual(await read(event, message), [])
  await server.as('sallyport')('POST', `/v3/rooms/${encodeURIComponent(room)}/invite`, {
    user_id: server.userId('carol'),
  })
  assert.deepEqual(await read(event, message), [], 'an invitation is not a member')
  await server.as('carol')('POST', `/v3/join/${encodeURIComponent(room)}`, {})
  assert.equal((await read(event, message)).length, 1)
})

test('after a decision of one the others are asked anew, once, and what was said before counts no more', async () => {
  const message = messageAt('a-5')
  const event = await chat.create(message, 'a-5.pending.0')
  await react('bob', event, '✅')
  const next = messageAt('a-5', { decisions: [one('dora', 'approve')] })
  assert.deepEqual(await read(event, next), [], 'there is no question of this step yet')
  await chat.update(event, next, 'a-5.pending.1')
  await chat.update(event, next, 'a-5.pending.1')
  assert.deepEqual(await read(event, next), [])
  const path = `/v1/rooms/${encodeURIComponent(room)}/relations/${encodeURIComponent(event)}/m.reference`
  const asked = listAt(await server.as('bob')('GET', path), 'chunk')
  assert.equal(asked.length, 1)
  const yes = await react('bob', textAt(asked[0], 'event_id')!, '✅')
  const [said] = await read(event, next)
  assert.deepEqual([at(said, 'once'), at(said, 'shown')], [yes, '47.1'])
  const over = messageAt('a-5', { state: 'denied', decisions: [one('eve', 'deny')], closedAt: NOW })
  await chat.close(event, over, 'a-5.denied.1')
  await chat.close(event, over, 'a-5.denied.1')
  const ends = (await bodies()).filter(body => body.startsWith('Denied [47]') && body.includes('/a-5'))
  assert.equal(ends.length, 1)
})

test('a reminder is told once, and what was said before it counts', async () => {
  const message = messageAt('a-11')
  const event = await chat.create(message, 'a-11.pending.0')
  await react('bob', event, '✅')
  const reminder = { ...message, notice: 'nobody has decided for ten minutes' }
  await chat.update(event, reminder, 'a-11.pending.0.1')
  await chat.update(event, reminder, 'a-11.pending.0.1')
  assert.equal((await bodies()).filter(body => body.startsWith('nobody has decided')).length, 1)
  assert.equal((await read(event, reminder)).length, 1)
})

test('our own reactions and replies decide nothing', async () => {
  const message = messageAt('a-6')
  const event = await chat.create(message, 'a-6.pending.0')
  await react('sallyport', event, '✅')
  await reply('sallyport', event, 'approve')
  assert.deepEqual(await read(event, message), [])
})

test('a code of the page links whoever wrote it, and not who is quoted', async () => {
  const message = messageAt('a-7')
  const event = await chat.create(message, 'a-7.pending.0')
  const code = `link-${'0a'.repeat(14)}-${'abcdefghijklmnopqrstuvwxyz'}`
  const written = await send('bob', 'm.room.message', { msgtype: 'm.text', body: code })
  await reply('mallory', written, `> <@bob:chat.test> ${code}\n\nthank you`)
  assert.deepEqual(await read(event, message), [
    {
      ...{ kind: 'claim', code, once: written },
      person: { id: 'matrix/@bob:chat.test', name: '@bob:chat.test' },
    },
  ])
})

test('many messages later a reply is still found', async () => {
  const message = messageAt('a-8')
  const event = await chat.create(message, 'a-8.pending.0')
  await reply('bob', event, 'approve')
  const noise = Array.from({ length: 105 }, (_, i) =>
    send('mallory', 'm.room.message', { msgtype: 'm.text', body: `noise ${i}` }),
  )
  await Promise.all(noise)
  assert.equal((await read(event, message)).length, 1)
})

test('an encrypted room, a foreign room and a wrong token are errors that show no token', async () => {
  const message = messageAt('a-9')
  const encrypted = await server.room('sallyport', [], {
    initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
  })
  const foreign = await server.room('mallory', [])
  const cases: [Channel, RegExp][] = [
    [channelIn(encrypted), /encrypted/],
    [channelIn(foreign), /403/],
    [channelIn(room, 'not-a-token'), /401/],
  ]
  for (const [channel, words] of cases) {
    await assert.rejects(channel.create(message, 'k'), (error: Error) => {
      assert.match(error.message, words)
      return !error.message.includes('not-a-token')
    })
    await channel.end()
  }
})

test('a server that was down is told and read when it is back', async () => {
  const message = messageAt('a-10')
  await server.stop()
  await assert.rejects(chat.create(message, 'a-10.pending.0'))
  await server.start()
  const event = await chat.create(message, 'a-10.pending.0')
  await react('bob', event, '❌')
  assert.equal(at((await read(event, message))[0], 'verdict'), 'deny')
})
