import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { messageOf } from '../../src/approvals/message.ts'
import { blocksOf, reasonForm, textOf } from '../../src/notify/slack/blocks.ts'
import { createSlack } from '../../src/notify/slack/create-slack.ts'
import { cardOf } from '../../src/notify/teams/card.ts'
import { approvalAt } from '../../src/notify/testing/approval.ts'
import {
  interaction,
  pressed,
  type SlackStandIn,
  startSlack,
  submitted,
} from '../../src/notify/testing/slack.ts'
import { openJudges } from '../../testbed/judges/open-judges.ts'

/** What we believe of Slack and Teams, judged by the libraries of their makers. */
const SECRET = randomBytes(16).toString('hex')
const TOKEN = ['xoxb', randomBytes(12).toString('hex')].join('-')
let slack: SlackStandIn
/** Of Bolt what is used here: its own types are not installed with the project. */
interface BoltApp {
  readonly client: { chat: { postMessage(message: object): Promise<{ readonly ok: boolean }> } }
  action(id: RegExp, listener: (pressed: Heard) => Promise<void>): void
  view(id: RegExp, listener: (submitted: Heard) => Promise<void>): void
  stop(): Promise<unknown>
}
interface Heard {
  ack(): Promise<void>
  readonly body: { readonly user: { readonly id: string } }
  readonly action: { readonly action_id?: string }
  readonly view: {
    readonly callback_id: string
    readonly state: {
      readonly values: { readonly reason?: { readonly reason?: { readonly value?: string } } }
    }
  }
}

let judges: NodeJS.Require
let app: BoltApp
let address = ''
const seen: string[] = []

before(async () => {
  judges = await openJudges()
  const bolt = judges('@slack/bolt')
  slack = await startSlack(TOKEN)
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  free.close()
  await once(free, 'close')
  address = `http://127.0.0.1:${port}/channels/chat`
  const receiver = new bolt.HTTPReceiver({
    ...{ signingSecret: SECRET, endpoints: '/channels/chat', port },
    logLevel: bolt.LogLevel.ERROR,
  })
  app = new bolt.App({
    ...{ receiver, clientOptions: { slackApiUrl: slack.url }, logLevel: bolt.LogLevel.ERROR },
    authorize: async () => ({ botToken: TOKEN, botId: 'B0APP', botUserId: 'U0APP' }),
  })
  app.action(/./, async ({ ack, action, body }) => {
    await ack()
    seen.push(`${action.action_id} by ${body.user.id}`)
  })
  app.view(/./, async ({ ack, view, body }) => {
    await ack()
    seen.push(`${view.callback_id} by ${body.user.id}: ${view.state.values.reason?.reason?.value}`)
  })
  await receiver.start(port)
})
after(async () => {
  await app?.stop()
  slack?.close()
})

const now = (): number => Math.floor(Date.now() / 1000)
const message = (more: Parameters<typeof approvalAt>[2] = {}) =>
  messageOf(approvalAt('a-1', Date.now(), more), 'https://gateway.test')
type Sent = ReturnType<typeof interaction>

async function takenByBolt({ headers, body }: Sent): Promise<boolean> {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined)
  const answer = await fetch(address, {
    ...{ method: 'POST', body: new Uint8Array(body) },
    headers: Object.fromEntries(given) as Record<string, string>,
  })
  await answer.text()
  return answer.status === 200
}

test('Bolt takes what we take of presses and forms, and refuses the forgeries that we refuse', async () => {
  const channel = createSlack(
    {
      ...{ name: 'chat', wants: () => true, conversation: 'C0123', token: TOKEN, url: slack.url },
      signingSecrets: [SECRET],
    },
    Date.now,
  )
  const takenByUs = (sent: Sent): boolean => {
    try {
      channel.receive!(sent)
      return true
    } catch {
      return false
    }
  }
  const press = pressed({ action: 'sallyport.approve', value: 'a-1 47.0' })
  const form = submitted(reasonForm('deny', 'alice · delete x', 'C0123 a-1 47.0', false), 'not now')
  const good = interaction(press, SECRET, now())
  const other = (headers: object): Sent => ({ ...good, headers: { ...good.headers, ...headers } })
  const signature = String(good.headers['x-slack-signature'])
  for (const [name, sent, isTaken] of [
    ['a press', good, true],
    ['a form', interaction(form, SECRET, now()), true],
    ['of almost five minutes ago', interaction(press, SECRET, now() - 290), true],
    ['another secret', interaction(press, 'x'.repeat(32), now()), false],
    ['of six minutes ago', interaction(press, SECRET, now() - 360), false],
    ['another body', { ...good, body: Buffer.from(good.body.toString().replace('approve', 'deny')) }, false],
    ['another time', other({ 'x-slack-request-timestamp': String(now() + 7) }), false],
    ['no time', other({ 'x-slack-request-timestamp': undefined }), false],
    ['no signature', other({ 'x-slack-signature': undefined }), false],
    ['another version', other({ 'x-slack-signature': signature.replace('v0=', 'v1=') }), false],
    ['half a signature', other({ 'x-slack-signature': signature.slice(0, 30) }), false],
  ] as const) {
    assert.equal(await takenByBolt(sent), isTaken, `Bolt: ${name}`)
    assert.equal(takenByUs(sent), isTaken, `we: ${name}`)
  }
  assert.deepEqual(seen, [
    'sallyport.approve by U0BOB',
    'sallyport.deny by U0BOB: not now',
    'sallyport.approve by U0BOB',
  ])
  await channel.end()
})

test("Slack's own client sends a message to the stand-in as we do", async () => {
  const channel = createSlack(
    {
      ...{ name: 'chat', wants: () => true, conversation: 'C0123', token: TOKEN, url: slack.url },
      signingSecrets: [SECRET],
    },
    Date.now,
  )
  slack.calls.length = 0
  const blocks = blocksOf(message())
  const text = textOf(message())
  const posted = await app.client.chat.postMessage({ token: TOKEN, channel: 'C0123', text, blocks })
  assert.equal(posted.ok, true)
  await channel.create(message(), 'k')
  const [theirs, ours] = slack.calls
  for (const name of ['channel', 'text', 'blocks']) {
    assert.equal(ours?.args[name], theirs?.args[name], name)
  }
  await channel.end()
})

test('a card is one of the schema 1.5 to the library of its makers, which would see a fault', () => {
  // Its modules are written for bundlers; this is the form for scripts.
  const cards = judges('adaptivecards/dist/adaptivecards.js')
  const problems = (card: object): string[] => {
    const context = new cards.SerializationContext(cards.Versions.v1_5)
    const parsed = new cards.AdaptiveCard()
    parsed.parse(card, context)
    const events = Array.from({ length: context.eventCount }, (_, i) => context.getEventAt(i).message)
    const failures = parsed.validateProperties().validationEvents as { message: string }[]
    return [...events, ...failures.map(one => one.message)]
  }
  const foresight = { lines: ['-a: 1', '+a: 2'], truncated: false, count: 3 }
  for (const one of [
    message({ foresight, reason: 'INC-42' }),
    message({ state: 'denied', closedBecause: 'no' }),
  ]) {
    const card = JSON.parse(JSON.stringify(cardOf(one)))
    assert.deepEqual(problems(card), [])
    card.body[0].type = 'Nonsense'
    card.body[1].inlines[0].color = 'Pink'
    assert.equal(problems(card).length, 2)
  }
})
