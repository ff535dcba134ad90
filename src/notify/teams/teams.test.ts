import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { messageOf } from '../../approvals/message.ts'
import { API_VERSION } from '../../brand.ts'
import { channelDocumentSchema } from '../../documents/schema/channel.ts'
import { channelOf } from '../channel-of.ts'
import { type Channel, TryLater } from '../contract.ts'
import { approvalAt } from '../testing/approval.ts'

const NOW = 1_800_000_000_000
// biome-ignore lint/suspicious/noExplicitAny: cards are read field by field
const got: any[] = []
let answer: { status: number; headers?: Record<string, string> } = { status: 202 }
let url = ''
let channel: Channel

const server = createServer(async (request, response) => {
  got.push(JSON.parse(await text(request)))
  response.writeHead(answer.status, answer.headers).end()
})
const open = (at: string): Promise<Channel> =>
  channelOf(
    channelDocumentSchema.parse({
      ...{ apiVersion: API_VERSION, kind: 'Channel', metadata: { name: 'teams' } },
      spec: { teams: { url: 'file:url' } },
    }),
    { resolve: async () => at },
    () => NOW,
  )
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/workflows/x?sig=of-the-url`
  channel = await open(url)
})
after(async () => {
  await channel.end()
  server.close()
})
const message = (more: Parameters<typeof approvalAt>[2] = {}) =>
  messageOf(approvalAt('a-1', NOW, more), 'https://gateway.test')

test('a card has the parts that people need, no markup of theirs, and only a link', async () => {
  const reason = 'urgent [click](javascript:x) **now** https://evil.test'
  const foresight = { lines: Array.from({ length: 40 }, (_, i) => `-line ${i}`), truncated: false, count: 3 }
  await channel.create(message({ reason, foresight }), 'k')
  const [{ type, attachments }] = got.splice(0)
  assert.deepEqual([type, attachments[0].contentType], ['message', 'application/vnd.microsoft.card.adaptive'])
  const card = attachments[0].content
  assert.deepEqual([card.type, card.version], ['AdaptiveCard', '1.5'])
  assert.deepEqual(card.actions, [
    { type: 'Action.OpenUrl', title: 'Decide on the page', url: 'https://gateway.test/approvals/a-1' },
  ])
  assert.ok(card.body.every((one: { type: string }) => one.type === 'RichTextBlock'))
  const words = JSON.stringify(card.body)
  for (const part of [
    'corp:alice · delete namespace shop · prod',
    'check number 47',
    'collection-delete: ',
    'guard/namespaces',
    'exactly this request, once',
    '1 of corp:oncall',
    'It would delete 3 objects.',
    'a-1',
  ])
    assert.ok(words.includes(part), part)
  assert.ok(!words.includes('line 10'))
  assert.doesNotMatch(words, /\]\(|https:\/\/evil/)
})

test('each step is a card of its own, and the last one says how it ended', async () => {
  await channel.close('a-1', message({ state: 'denied', closedBecause: 'not today' }), 'k')
  const words = JSON.stringify(got.splice(0))
  assert.match(words, /Denied \(check number 47\)/)
  assert.match(words, /not today/)
  assert.match(words, /Open the page/)
})

test('it only tells: nobody can decide in it', () => {
  assert.equal(channel.receive, undefined)
  assert.equal(channel.poll, undefined)
})

test('pauses and failures are told without the address, which is a secret', async () => {
  answer = { status: 429, headers: { 'retry-after': '9' } }
  await assert.rejects(channel.create(message(), 'k'), (error: unknown) => {
    assert.doesNotMatch(String(error), /of-the-url/)
    return error instanceof TryLater && error.pause === 9_000
  })
  for (const status of [302, 401, 500]) {
    answer = { status, headers: { location: '/elsewhere' } }
    await assert.rejects(channel.create(message(), 'k'), new RegExp(`answered ${status}$`))
  }
  for (const bad of ['http://hooks.test/?sig=of-the-url', 'file:///etc/passwd', 'of-the-url']) {
    await assert.rejects(open(bad), (error: Error) => {
      assert.match(error.message, /channel teams: file:url is no https URL/)
      return !error.message.includes('of-the-url')
    })
  }
})
