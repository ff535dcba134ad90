import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { messageOf } from '../../approvals/message.ts'
import { API_VERSION } from '../../brand.ts'
import { channelDocumentSchema } from '../../documents/schema/channel.ts'
import { Refusal } from '../../errors/refusal.ts'
import { channelOf } from '../channel-of.ts'
import type { Channel } from '../contract.ts'
import { approvalAt } from '../testing/approval.ts'
import { judgeSignature, signatureOf } from './sign.ts'

const SECRET = 'a secret that is long enough'
const FORMER = 'what it was before, long enough'
const NOW = 1_800_000_000_000
const got: { headers: IncomingHttpHeaders; body: string; url: string }[] = []
let status = 204
let url = ''
let hook: Channel

const server = createServer(async (request, response) => {
  got.push({ headers: request.headers, body: await text(request), url: request.url! })
  response.writeHead(status, { location: '/elsewhere' }).end()
})

before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  const document = channelDocumentSchema.parse({
    ...{ apiVersion: API_VERSION, kind: 'Channel', metadata: { name: 'ops' } },
    spec: { rules: ['guard/*'], webhook: { url, secret: 'file:now', formerSecret: 'file:before' } },
  })
  const secrets = { resolve: async (from: string) => (from === 'file:now' ? SECRET : FORMER) }
  hook = await channelOf(document, secrets, () => NOW)
})
after(async () => {
  await hook.end()
  server.close()
})

function wake(secret = SECRET, seconds = NOW / 1000, body = '{"kind":"ApprovalWake","approval":"a-1"}') {
  const bytes = Buffer.from(body)
  const headers = {
    'sallyport-timestamp': String(seconds),
    'sallyport-signature': signatureOf(secret, seconds, bytes),
  }
  return { headers, body: bytes }
}

function refusedWith(code: string, check: string): (error: unknown) => boolean {
  return error => error instanceof Refusal && error.code === code && error.check === check
}

test('what is sent is signed over time and body, and says what people need to know', async () => {
  const message = messageOf(
    approvalAt('a-1', NOW, { reason: 'see https://evil.test/x' }),
    'https://gateway.test',
  )
  assert.equal(await hook.create(message, 'a-1.pending.0'), 'a-1')
  const [{ headers, body }] = got.splice(0) as [(typeof got)[0]]
  const fit = judgeSignature(headers, Buffer.from(body), [SECRET], NOW)
  assert.equal(fit, headers['sallyport-signature'])
  const notice = JSON.parse(body)
  assert.deepEqual(
    [notice.kind, notice.id, notice.event, notice.approval.sentence, notice.approval.link],
    [
      'ApprovalNotice',
      'a-1.pending.0',
      'created',
      'corp:alice · delete namespace shop · prod',
      'https://gateway.test/approvals/a-1',
    ],
  )
  assert.doesNotMatch(body, /https:\/\/evil/)
  assert.ok(!body.includes(SECRET))
})

test('anything but 2xx is a failure, and redirects are not followed', async () => {
  const message = messageOf(approvalAt('a-1', NOW), '')
  for (const answer of [301, 307, 404, 500]) {
    status = answer
    await assert.rejects(hook.update('a-1', message, 'k'), new RegExp(String(answer)))
  }
  status = 204
  assert.ok(got.splice(0).every(one => one.url === '/hook'))
})

test('it wants what its rules and connections name', () => {
  assert.equal(hook.wants(messageOf(approvalAt('a', NOW), '')), true)
  assert.equal(hook.wants(messageOf(approvalAt('a', NOW, { rules: ['other/x'] }), '')), false)
})

test('signed with the present or the former secret one may ask to be told again', () => {
  for (const secret of [SECRET, FORMER]) {
    const got = hook.receive!(wake(secret))
    assert.deepEqual([got.kind, got.kind === 'wake' && got.approval], ['wake', 'a-1'])
  }
})

test('forged, late, early and unsigned requests are refused', () => {
  const good = wake()
  for (const [incoming, check] of [
    [wake('some other secret of theirs'), 'webhook-signature'],
    [{ ...good, body: Buffer.from('{"kind":"ApprovalWake","approval":"a-2"}') }, 'webhook-signature'],
    [
      { ...good, headers: { ...good.headers, 'sallyport-timestamp': String(NOW / 1000 + 1) } },
      'webhook-signature',
    ],
    [{ ...good, headers: { ...good.headers, 'sallyport-signature': 'v1=' } }, 'webhook-signature'],
    [{ ...good, headers: {} }, 'webhook-signature'],
    [{ ...good, headers: { ...good.headers, 'sallyport-timestamp': '1e9' } }, 'webhook-signature'],
    [wake(SECRET, NOW / 1000 - 301), 'webhook-time'],
    [wake(SECRET, NOW / 1000 + 301), 'webhook-time'],
  ] as const) {
    assert.throws(() => hook.receive!(incoming), refusedWith('credential-invalid', check))
  }
})

test('a repetition is known as one, however its header is written', () => {
  const good = wake()
  const signature = good.headers['sallyport-signature']
  const again = {
    ...good,
    headers: { ...good.headers, 'sallyport-signature': `v1=${'0'.repeat(64)}, ${signature}` },
  }
  assert.equal(hook.receive!(again).once, hook.receive!(good).once)
})

test('a webhook decides nothing, and what it does not understand is refused', () => {
  for (const [body, code] of [
    ['{"kind":"ApprovalDecision","approval":"a-1","verdict":"approve"}', 'approver-required'],
    ['{"kind":"ApprovalNotice","approval":{"id":"a-1"}}', 'approver-required'],
    ['{"kind":"ApprovalWake","approval":"../../x"}', 'input-invalid'],
    ['{"kind":"ApprovalWake"}', 'input-invalid'],
    ['[]', 'input-invalid'],
    ['{', 'input-invalid'],
    ['', 'input-invalid'],
  ] as const) {
    assert.throws(
      () => hook.receive!(wake(SECRET, NOW / 1000, body)),
      (error: unknown) => error instanceof Refusal && error.code === code,
      body,
    )
  }
})

test('no body and no header makes it fail in another way than by a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), fc.string(), (body, stamp, signature) => {
      const headers = { 'sallyport-timestamp': stamp, 'sallyport-signature': signature }
      assert.throws(() => hook.receive!({ headers, body }), Refusal)
      const seconds = NOW / 1000
      const signed = {
        'sallyport-timestamp': String(seconds),
        'sallyport-signature': signatureOf(SECRET, seconds, body),
      }
      assert.throws(() => hook.receive!({ headers: signed, body }), Refusal)
    }),
  )
})

test('a channel is of exactly one kind', () => {
  const webhook = { url: 'https://hooks.test/x', secret: 'file:s' }
  const document = { apiVersion: API_VERSION, kind: 'Channel', metadata: { name: 'ops' } }
  assert.equal(channelDocumentSchema.safeParse({ ...document, spec: { webhook } }).success, true)
  for (const spec of [{}, { rules: ['a/b'] }, { webhook, unknown: {} }]) {
    assert.equal(channelDocumentSchema.safeParse({ ...document, spec }).success, false)
  }
})

test('a secret that is too short is refused without being shown', async () => {
  const document = channelDocumentSchema.parse({
    ...{ apiVersion: API_VERSION, kind: 'Channel', metadata: { name: 'ops' } },
    spec: { webhook: { url: 'https://hooks.test/x', secret: 'file:s' } },
  })
  const short = { resolve: async () => 'hunter2' }
  await assert.rejects(
    channelOf(document, short, () => NOW),
    (error: Error) => {
      assert.match(error.message, /channel ops: file:s is shorter than 24/)
      return !error.message.includes('hunter2')
    },
  )
})
