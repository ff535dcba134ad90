import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import {
  interaction,
  type Pressed,
  pressed,
  type SlackStandIn,
  startSlack,
  submitted,
} from '../../src/notify/testing/slack.ts'
import { openBrowser } from '../../testbed/browser/open-browser.ts'
import { type People, startPeople } from '../approvals/rig.ts'
import { expectStatus } from '../e2e/call.ts'

/**
 * Decisions from Slack, with kubectl on a real cluster and a real browser for the link. Slack itself does not run here: a
 * stand-in of its documented shapes takes its place.
 */
let people: People
let browser: Browser
let slack: SlackStandIn
const SECRET = randomBytes(16).toString('hex')
const TOKEN = ['xoxb', randomBytes(12).toString('hex')].join('-')

const held = (name: string, resource: string, who: object, more: object = {}): object => ({
  name,
  effect: 'hold',
  match: {
    ...{ principals: who, apiGroups: [''], verbs: ['delete'] },
    ...{ resources: [resource], riskClasses: ['*'] },
  },
  approval: { approvers: [{ groups: ['corp:oncall'] }], ...more },
})

before(
  async () => {
    slack = await startSlack(TOKEN)
    const chat = {
      ...{ apiVersion: 'sallyport.dev/v1', kind: 'Channel', metadata: { name: 'chat' } },
      spec: {
        slack: {
          channel: 'C0123',
          apiUrl: slack.url,
          ...{ token: `\${SLACK_TOKEN}`, signingSecret: `\${SLACK_SECRET}` },
        },
      },
    }
    people = await startPeople(
      [
        held('namespaces', 'namespaces', { groups: ['corp:dev'] }),
        held('top', 'secrets', { users: ['corp:user-grace'] }, { page: true }),
      ],
      { chat },
      { SLACK_TOKEN: TOKEN, SLACK_SECRET: SECRET },
    )
    browser = await openBrowser()
  },
  { timeout: 600_000 },
)
after(async () => {
  await browser?.close()
  await people?.stop()
  slack?.close()
})

type Call = SlackStandIn['calls'][0]

/** The newest call of this method that says so; waits for it. */
async function told(method: string, words: RegExp): Promise<Call> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const found = slack.calls.findLast(
      one => one.method === method && words.test(`${one.args.text} ${one.args.blocks ?? one.args.view}`),
    )
    if (found !== undefined) return found
    assert.ok(Date.now() < deadline, `no ${method} says ${words}: ${JSON.stringify(slack.calls)}`)
    await pause(50)
  }
}

async function send(payload: object, secret = SECRET, age = 0): Promise<number> {
  const { headers, body } = interaction(payload, secret, Math.floor(Date.now() / 1000) - age)
  const sent = request(`${people.up.url}/channels/chat`, {
    ...{ method: 'POST', ca: readFileSync(people.up.caFile), agent: false },
    headers,
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  await text(response)
  return response.statusCode
}

/** Presses a button of a message, as Slack tells of it. */
function press(message: Call, action: string, more: Partial<Pressed> = {}): Promise<number> {
  const block = JSON.parse(message.args.blocks!).find((one: { type: string }) => one.type === 'actions')
  const button = block.elements.find((one: { action_id: string }) => one.action_id === action)
  assert.ok(button, `there is no button ${action} in ${message.args.blocks}`)
  return send(pressed({ action, value: button.value, text: message.args.text!, ...more }))
}

/** Opens the link that somebody was shown in private, signs in, and confirms. */
async function link(user: string, address: string): Promise<void> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false })
  const page: Page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(address)
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  await page.locator(`button[value="${user}"]`).click()
  await page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  const words = (await page.locator('main').textContent()) ?? ''
  assert.match(words, new RegExp(`corp:user-${user}`))
  await page.getByRole('button', { name: 'Link it to me' }).click()
  await page.getByRole('heading', { name: 'My accounts in channels' }).waitFor()
  await context.close()
}

function linkIn(call: Call): string {
  const [found] = /https:\/\/[^"]+\/approvals\/link\?token=[a-z0-9-]+/.exec(call.args.blocks!) ?? []
  assert.ok(found !== undefined, 'there is no link')
  return found
}

async function state(id: string): Promise<string> {
  const token = await people.token('bob')
  return (await expectStatus(200, people.up, `/v1/approvals/${id}`, { token })).json.approval.state
}

test('kubectl waits; bob presses, links himself in his browser, presses again; kubectl completes', async () => {
  await people.directly('create', 'namespace', 'payments')
  const running = people.kubectl('alice', ['delete', 'namespace', 'payments', '--wait=false'])
  const waits = await people.pending(/delete namespace payments/)
  const message = await told('chat.postMessage', /delete namespace payments/)
  assert.ok(message.args.blocks!.includes(`check number ${waits.check}`))

  assert.equal(await press(message, 'sallyport.approve'), 200)
  const invited = await told('chat.postEphemeral', /does not know yet who you are/)
  assert.equal(invited.args.user, 'U0BOB')
  assert.equal(await state(waits.id), 'pending')
  await link('bob', linkIn(invited))

  // The very same bytes would be a repetition of the first press: Slack makes new ones for each.
  const again = pressed({ action: 'sallyport.approve', value: `${waits.id} ${waits.check}.0` })
  assert.equal(await send({ ...again, trigger_id: 'another' }), 200)
  const done = await running
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, /namespace "payments" deleted/)
  await told('chat.postEphemeral', /You approved this\. It is approved\./)
  const over = await told('chat.update', /Approved/)
  assert.ok(!over.args.blocks!.includes('sallyport.approve'))

  const token = await people.token('bob')
  const { json } = await expectStatus(200, people.up, '/v1/audit/entries?limit=100', { token })
  const trail = JSON.stringify(json)
  assert.match(trail, /"via":"channel\/chat"/)
  assert.match(trail, /"account":"slack\/T0TEAM\/U0BOB"/)
  assert.match(trail, /"notCounted":"unlinked"/)
  assert.match(trail, /linked bob of channel chat to corp:user-bob/)
  assert.ok(!trail.includes(linkIn(invited).slice(-26)) && !trail.includes(TOKEN) && !trail.includes(SECRET))
})

test('a denial by form ends the wait with its reason; a late press hears how it ended', async () => {
  await people.directly('create', 'namespace', 'ledger')
  const running = people.kubectl('frank', ['delete', 'namespace', 'ledger', '--wait=false'])
  const waits = await people.pending(/delete namespace ledger/)
  const message = await told('chat.postMessage', /delete namespace ledger/)
  assert.equal(await press(message, 'sallyport.deny'), 200)
  const form = await told('views.open', /delete namespace ledger/)
  assert.equal(await state(waits.id), 'pending')
  assert.equal(await send(submitted(JSON.parse(form.args.view!), 'not on a friday')), 200)
  const done = await running
  assert.notEqual(done.code, 0)
  assert.match(done.stderr, /not on a friday/)
  assert.equal(await press(message, 'sallyport.approve', { user: { id: 'U0BOB' } }), 200)
  await told('chat.postEphemeral', /it is denied: not on a friday|not as it was shown/)
  assert.equal(await state(waits.id), 'denied')
})

test('forged and replayed presses are refused and in the trail; what is kept for the page stays there', async () => {
  await people.directly('create', 'secret', 'generic', 'gold')
  await people.request('grace', '/api/v1/namespaces/default/secrets/gold?timeout=1s', { method: 'DELETE' })
  const waits = await people.pending(/delete secret gold/)
  const message = await told('chat.postMessage', /delete secret gold/)
  assert.ok(!message.args.blocks!.includes('sallyport.approve'))
  const forged = pressed({ action: 'sallyport.approve', value: `${waits.id} ${waits.check}.0` })
  assert.equal(await send(forged, 'a secret of somebody else'), 401)
  assert.equal(await send(forged, SECRET, 301), 401)
  assert.equal(await send(forged), 200)
  await told('chat.postEphemeral', /on the approval page only/)
  assert.equal(await state(waits.id), 'pending')
  const token = await people.token('bob')
  const { json } = await expectStatus(200, people.up, '/v1/audit/entries?limit=100&kind=auth.fail', { token })
  assert.match(JSON.stringify(json), /slack-signature/)
  assert.match(JSON.stringify(json), /slack-time/)
})

test('an account that was unlinked decides nothing any more', async () => {
  const listed = await people.command('bob', ['channel', 'links', '--mine', '-o', 'json'])
  assert.equal(listed.code, 0, listed.stderr)
  const [{ id, account }] = JSON.parse(listed.stdout).items
  assert.equal(account.id, 'slack/T0TEAM/U0BOB')
  const gone = await people.command('bob', ['channel', 'unlink', id])
  assert.equal(gone.code, 0, gone.stderr)
  await people.directly('create', 'namespace', 'orders')
  await people.request('heidi', '/api/v1/namespaces/orders?timeout=1s', { method: 'DELETE' })
  const waits = await people.pending(/delete namespace orders/)
  const message = await told('chat.postMessage', /delete namespace orders/)
  slack.calls.length = 0
  assert.equal(await press(message, 'sallyport.approve'), 200)
  await told('chat.postEphemeral', /does not know yet who you are/)
  assert.equal(await state(waits.id), 'pending')
})
