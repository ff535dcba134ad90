import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { messageOf } from '../../approvals/message.ts'
import { API_VERSION } from '../../brand.ts'
import { channelDocumentSchema } from '../../documents/schema/channel.ts'
import { Refusal } from '../../errors/refusal.ts'
import { channelOf } from '../channel-of.ts'
import { type Channel, type Received, TryLater } from '../contract.ts'
import { approvalAt } from '../testing/approval.ts'
import { interaction, pressed, type SlackStandIn, startSlack, submitted } from '../testing/slack.ts'
import { blocksOf } from './blocks.ts'

const NOW = 1_800_000_000_000
const SECONDS = NOW / 1000
const SECRET = randomBytes(16).toString('hex')
const FORMER = randomBytes(16).toString('hex')
const TOKEN = ['xoxb', randomBytes(12).toString('hex')].join('-')
let slack: SlackStandIn
let channel: Channel

before(async () => {
  slack = await startSlack(TOKEN)
  const document = channelDocumentSchema.parse({
    ...{ apiVersion: API_VERSION, kind: 'Channel', metadata: { name: 'chat' } },
    spec: {
      slack: {
        channel: 'C0123',
        apiUrl: slack.url,
        ...{ token: 'file:token', signingSecret: 'file:secret', formerSigningSecret: 'file:former' },
      },
    },
  })
  const files: Record<string, string> = { 'file:token': TOKEN, 'file:secret': SECRET, 'file:former': FORMER }
  channel = await channelOf(document, { resolve: async name => files[name]! }, () => NOW)
})
beforeEach(() => void slack.calls.splice(0))
after(async () => {
  await channel.end()
  slack.close()
})

const message = (more: Parameters<typeof approvalAt>[2] = {}) =>
  messageOf(approvalAt('a-1', NOW, more), 'https://gateway.test')
const receive = (payload: object, secret = SECRET, seconds = SECONDS): Received =>
  channel.receive!(interaction(payload, secret, seconds))
const refusedWith = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code
const press = (action: string, value = 'a-1 47.0', more = {}) => pressed({ action, value, ...more })
// biome-ignore lint/suspicious/noExplicitAny: blocks are read field by field
const buttons = (m: ReturnType<typeof message>): any[] =>
  // biome-ignore lint/suspicious/noExplicitAny: blocks are read field by field
  blocksOf(m).flatMap((block: any) => (block.type === 'actions' ? block.elements : []))

test('a message has the parts that people need, as plain text, and buttons for what was shown', async () => {
  const reference = await channel.create(
    message({
      reason: 'see https://evil.test <!here> @channel',
      foresight: { lines: Array.from({ length: 40 }, (_, i) => `-line ${i}`), truncated: false, count: 3 },
    }),
    'a-1.pending.0',
  )
  assert.match(reference, /^C0123\/1800000000\.\d+$/)
  const [{ method, args }] = slack.calls as [SlackStandIn['calls'][0]]
  assert.equal(method, 'chat.postMessage')
  assert.equal(args.unfurl_links, 'false')
  for (const part of [
    'corp:alice · delete namespace shop · prod',
    'check number 47',
    'collection-delete: ',
    'Asked by: corp:alice',
    'guard/namespaces',
    'exactly this request, once',
    '1 of corp:oncall',
    'It would delete 3 objects.',
    'https://gateway.test/approvals/a-1',
    'Approval a-1',
  ])
    assert.ok(args.blocks!.includes(part), part)
  assert.ok(!args.blocks!.includes('line 10'), 'more lines than ten')
  assert.doesNotMatch(args.blocks!, /https:\/\/evil|<!here>|@channel|mrkdwn/)
  assert.doesNotMatch(args.text!, /[<>]/)
  assert.ok(!JSON.stringify(slack.calls).includes(TOKEN))
  assert.deepEqual(
    buttons(message()).map(one => [one.action_id, one.value]),
    [
      ['sallyport.approve', 'a-1 47.0'],
      ['sallyport.deny', 'a-1 47.0'],
      ['sallyport.open', undefined],
    ],
  )
  assert.match(buttons(message())[0].confirm.text.text, /delete namespace shop/)
})

test('the longest and oddest texts stay within the limits of Block Kit', async () => {
  const many = Array.from({ length: 60 }, (_, i) => ({
    ...{
      quorums: [0],
      verdict: 'approve' as const,
      reason: '<&>'.repeat(300),
      at: NOW,
      via: 'cli',
      unread: false,
    },
    by: { issuer: 'i', subject: `s${i}`, username: 'u'.repeat(300) },
  }))
  const long = message({
    sentence: 'é'.repeat(5000),
    reason: 'r'.repeat(9000),
    decisions: many,
    rules: ['x'.repeat(4000)],
  })
  await channel.create(long, 'k')
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }), async words => {
      await channel.update(
        'C0123/1.1',
        message({ sentence: words, reason: words, closedBecause: words }),
        'k',
      )
    }),
    { numRuns: 20 },
  )
})

test('what is over has no buttons, and the message is rewritten in place', async () => {
  const over = message({ state: 'denied', closedBecause: 'not today', closedAt: NOW })
  await channel.close('C0123/1800000000.000001', over, 'k')
  const [{ method, args }] = slack.calls as [SlackStandIn['calls'][0]]
  assert.deepEqual([method, args.ts], ['chat.update', '1800000000.000001'])
  assert.ok(args.blocks!.includes('not today') && !args.blocks!.includes('"actions"'))
})

test('the gravest things have no button to approve, only the page', () => {
  const found = buttons(message({ requirement: { ...approvalAt('a', NOW).requirement, page: true } }))
  assert.deepEqual(
    found.map(one => one.action_id),
    ['sallyport.open', 'sallyport.deny'],
  )
})

test('a press is a decision of whom Slack has seen press, for what was shown to him', () => {
  const got = receive(press('sallyport.approve'))
  const { once, ...said } = got
  assert.deepEqual(said, {
    ...{ kind: 'said', approval: 'a-1', verdict: 'approve', reason: null, shown: '47.0' },
    person: { id: 'slack/T0TEAM/U0BOB', name: 'bob' },
    ack: { status: 200, type: 'text/plain', body: '' },
  })
  // The same press sent again, with another time and a number of retries, is known.
  assert.equal(receive(press('sallyport.approve'), SECRET, SECONDS + 60).once, once)
  assert.equal(receive(press('sallyport.approve'), FORMER).once, once)
  assert.notEqual(receive(press('sallyport.approve', 'a-1 47.1')).once, once)
  const guest = receive(
    press('sallyport.approve', 'a-1 47.0', { user: { team_id: 'T0OTHER', name: 'carol' } }),
  )
  assert.equal(guest.kind === 'said' && guest.person.id, 'slack/T0OTHER/U0BOB')
})

test('a denial asks for a reason in a form, and the form is the decision', async () => {
  const got = receive(press('sallyport.deny', 'a-1 47.0', { text: 'a &lt;b&gt; &amp;amp; c' }))
  assert.equal(got.kind, 'aside')
  if (got.kind === 'aside') await got.run()
  const [{ method, args }] = slack.calls as [SlackStandIn['calls'][0]]
  assert.deepEqual([method, args.trigger_id], ['views.open', '13345224609.738474920.8088930838d88f008e0'])
  const view = JSON.parse(args.view!)
  assert.equal(view.blocks[0].text.text, 'a <b> &amp; c')
  assert.equal(view.blocks[1].optional, true)
  const said = receive(submitted(view, '  not on a friday '))
  assert.deepEqual(
    [said.kind, said.kind === 'said' && [said.verdict, said.reason, said.approval, said.shown]],
    ['said', ['deny', 'not on a friday', 'a-1', '47.0']],
  )
  const silent = receive(submitted(view, null))
  assert.equal(silent.kind === 'said' && silent.reason, null)
  // Who submits it decides, not who opened it.
  const other = receive(submitted(view, 'x', { id: 'U0CAROL', username: 'carol' }))
  assert.equal(other.kind === 'said' && other.person.id, 'slack/T0TEAM/U0CAROL')
})

test('where a rule wants reasons, a yes asks for one as well', async () => {
  const requirement = { ...approvalAt('a', NOW).requirement, reason: true }
  const [approve] = buttons(message({ requirement }))
  assert.equal(approve.confirm, undefined)
  const got = receive(press(approve.action_id, approve.value))
  assert.equal(got.kind, 'aside')
  if (got.kind === 'aside') await got.run()
  const view = JSON.parse(slack.calls[0]!.args.view!)
  assert.equal(view.blocks[1].optional, false)
  // Whether there is one is judged where decisions are, for all channels.
  const silent = receive(submitted(view, '  '))
  assert.equal(silent.kind === 'said' && silent.reason, null)
  const said = receive(submitted(view, 'INC-42'))
  assert.deepEqual(said.kind === 'said' && [said.verdict, said.reason], ['approve', 'INC-42'])
})

test('a trigger that is too old is told to the person, in private', async () => {
  slack.next('views.open', { body: { ok: false, error: 'expired_trigger_id' } })
  const got = receive(press('sallyport.deny'))
  if (got.kind === 'aside') await got.run()
  const told = slack.calls.at(-1)!
  assert.deepEqual([told.method, told.args.user], ['chat.postEphemeral', 'U0BOB'])
  assert.match(told.args.text!, /Nothing is decided; please press again/)
})

test('what came of it, and a link of his own, are told to one person only', async () => {
  const got = receive(press('sallyport.approve'))
  assert.equal(got.kind, 'said')
  if (got.kind !== 'said') return
  const link = 'https://gateway.test/approvals/link?token=x'
  await channel.reply!(got, { done: false, words: 'Sallyport does not know you.', link })
  const [{ method, args }] = slack.calls as [SlackStandIn['calls'][0]]
  assert.deepEqual([method, args.channel, args.user], ['chat.postEphemeral', 'C0123', 'U0BOB'])
  assert.ok(args.blocks!.includes(link) && !args.text!.includes('token'))
  assert.deepEqual(await channel.lookUp!(got.person), { ...got.person, email: 'bob@corp.example' })
  slack.next('users.info', { body: { ok: false, error: 'missing_scope' } })
  assert.deepEqual(await channel.lookUp!(got.person), got.person)
  slack.next('users.info', { body: { ok: false, error: 'user_not_found' } })
  await assert.rejects(channel.lookUp!(got.person), /user_not_found/)
})

test('forged, replayed, late and unsigned requests are refused', () => {
  const good = interaction(press('sallyport.approve'), SECRET, SECONDS)
  const with_ = (headers: object) => ({ ...good, headers: { ...good.headers, ...headers } })
  for (const incoming of [
    interaction(press('sallyport.approve'), 'another secret of somebody', SECONDS),
    interaction(press('sallyport.approve'), SECRET, SECONDS - 301),
    interaction(press('sallyport.approve'), SECRET, SECONDS + 301),
    { ...good, body: Buffer.from(good.body.toString().replace('approve', 'deny')) },
    with_({ 'x-slack-request-timestamp': String(SECONDS + 1) }),
    with_({ 'x-slack-request-timestamp': `${SECONDS}.0` }),
    with_({ 'x-slack-request-timestamp': undefined }),
    with_({ 'x-slack-signature': 'v0=' }),
    with_({ 'x-slack-signature': undefined }),
    with_({ 'x-slack-signature': String(good.headers['x-slack-signature']).replace('v0=', 'v1=') }),
  ]) {
    assert.throws(() => channel.receive!(incoming), refusedWith('credential-invalid'))
  }
})

test('signed by Slack, but not ours: other conversations, other actions, odd ids', () => {
  for (const payload of [
    press('sallyport.approve', 'a-1 47.0', { channel: 'C9999' }),
    press('other.action'),
    press('sallyport.approve', 'a-1'),
    press('sallyport.approve', '../a 47.0'),
    press('sallyport.approve', ''),
    press('sallyport.approve', 'a-1 47.0', { user: { id: 'U1/U2' } }),
    press('sallyport.approve', 'a-1 47.0', { user: { id: '' } }),
    press('sallyport.approve', 'a-1 47.0', { user: { team_id: 'not a team' } }),
    { ...pressed({ action: 'sallyport.approve' }), actions: [] },
    { type: 'shortcut' },
    { type: 'view_submission', view: { callback_id: 'sallyport.deny', private_metadata: 'C0123 ../x 1.1' } },
    [],
  ]) {
    assert.throws(() => receive(payload), refusedWith('input-invalid'), JSON.stringify(payload))
  }
  assert.equal(receive(press('sallyport.open')).kind, 'aside')
  assert.equal(receive({ type: 'view_closed' }).kind, 'aside')
})

test('no body that Slack could sign makes it fail in another way than by a refusal', () => {
  const words = fc.constantFrom(
    'type',
    'user',
    'team',
    'id',
    'actions',
    'value',
    'view',
    'state',
    'action_id',
    'channel',
  )
  const payload = fc.dictionary(
    words,
    fc.oneof(fc.anything(), fc.constantFrom('block_actions', 'view_submission')),
  )
  fc.assert(
    fc.property(fc.oneof(payload, fc.anything()), what => {
      const text = JSON.stringify(what)
      if (text === undefined) return
      assert.throws(() => receive(JSON.parse(text) ?? {}), Refusal)
    }),
  )
})

test('Slack asks for a pause, is down, or has lost the message', async () => {
  slack.next('chat.postMessage', { status: 429, headers: { 'retry-after': '77' } })
  await assert.rejects(
    channel.create(message(), 'k'),
    (error: unknown) => error instanceof TryLater && error.pause === 77_000,
  )
  slack.next('chat.postMessage', { status: 503 })
  await assert.rejects(channel.create(message(), 'k'), /503/)
  slack.next('chat.postMessage', { body: { ok: false, error: 'not_in_channel' } })
  await assert.rejects(channel.create(message(), 'k'), /not_in_channel/)
  slack.next('chat.update', { body: { ok: false, error: 'message_not_found' } })
  await channel.update('C0123/1.1', message(), 'k')
  slack.next('chat.update', { body: { ok: false, error: 'ratelimited' } })
  await assert.rejects(channel.update('C0123/1.1', message(), 'k'), /ratelimited/)
})
