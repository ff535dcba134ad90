import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { openBrowser } from '../../testbed/browser/open-browser.ts'
import { type People, startPeople } from '../approvals/rig.ts'

/** What people do on the approval page beside deciding, in a real browser: by keyboard, with names that a screen reader says. */
let people: People
let browser: Browser
/** What the browser has refused to run, load or send. */
const blocked: string[] = []

const held = (name: string, resource: string, more: object): object => ({
  name,
  effect: 'hold',
  match: { principals: { groups: ['corp:dev'] }, verbs: ['delete'], apiGroups: [''], resources: [resource] },
  approval: { approvers: [{ groups: ['corp:oncall'] }], ...more },
})

before(
  async () => {
    people = await startPeople([
      held('glass', 'limitranges', { breakGlass: { users: ['corp:user-alice'] } }),
      held('two', 'configmaps', { approvers: [{ groups: ['corp:oncall'], count: 2 }] }),
      held('one', 'podtemplates', {}),
    ])
    browser = await openBrowser()
  },
  { timeout: 600_000 },
)
after(async () => {
  await browser?.close()
  await people?.stop()
  assert.deepEqual(blocked, [])
})

/** A browser of somebody's own who has followed a link to a page, at 320 pixels; without JavaScript unless asked for. */
async function open(
  user: string,
  path: string,
  javaScriptEnabled = false,
): Promise<{ context: BrowserContext; page: Page }> {
  const viewport = { width: 320, height: 640 }
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled, viewport })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  page.on('console', said => {
    if (/Content Security Policy/i.test(said.text())) blocked.push(said.text())
  })
  await page.goto(people.up.url + path)
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  await page.locator(`button[value="${user}"]`).click()
  await page.waitForURL(/\/approvals(?:\/[^/]*)?$/)
  await page.goto(people.up.url + path)
  return { context, page }
}

interface AxNode {
  readonly ignored: boolean
  readonly role?: { readonly value: string }
  readonly name?: { readonly value: string }
}

const CONTROLS = new Set(['button', 'link', 'textbox', 'combobox', 'Date', 'DateTime', 'InputTime', 'region'])

/** What Chromium tells a screen reader: each control says what it is for, and there is one heading, one main part. */
async function readAloud({ context, page }: { context: BrowserContext; page: Page }): Promise<void> {
  const session = await context.newCDPSession(page)
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: AxNode[] }
  const seen = nodes.filter(one => !one.ignored)
  const nameless = seen.filter(one => CONTROLS.has(one.role?.value ?? '') && (one.name?.value ?? '') === '')
  assert.deepEqual(nameless, [])
  const count = (role: string): number => seen.filter(one => one.role?.value === role).length
  assert.ok(count('button') > 0, 'no button is told')
  assert.deepEqual([count('main'), count('navigation'), count('status')], [1, 1, 1])
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
  const width = (await page.evaluate('document.documentElement.scrollWidth')) as number
  assert.ok(width <= 320, `${width} pixels wide`)
}

/** Goes on with the Tab key until the focus is there. */
async function tabTo(page: Page, name: string): Promise<void> {
  const passed: unknown[] = []
  for (let steps = 0; steps < 60; steps++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(
      `(e => e.labels?.[0]?.textContent ?? e.getAttribute('aria-label') ?? e.textContent)(document.activeElement)`,
    )
    if (typeof at === 'string' && at.startsWith(name)) return
    passed.push(at)
  }
  assert.fail(`the Tab key does not come to ${name}, but to ${JSON.stringify(passed)}`)
}

/** A form as a program sends it, with the cookie and the secret of somebody's browser. */
async function post(
  { context, page }: { context: BrowserContext; page: Page },
  path: string,
  fields: Record<string, string>,
): Promise<number> {
  const cookies = await context.cookies(people.up.url)
  const { value } = cookies.find(one => one.name === '__Host-sallyport')!
  const form = (await page.locator('input[name=form]').first().getAttribute('value'))!
  const sent = request(people.up.url + path, {
    method: 'POST',
    ca: readFileSync(people.up.caFile),
    agent: false,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      cookie: `__Host-sallyport=${value}`,
      origin: people.up.url,
    },
  })
  sent.end(new URLSearchParams({ form, ...fields }).toString())
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

async function make(path: string, body: object): Promise<void> {
  const made = await people.request('frank', path, { method: 'POST', body })
  assert.equal(made.status, 201, JSON.stringify(made.json))
}

test('alice breaks the glass by keyboard, kubectl goes on; bob finds it, ends what it opened and reviews it', async () => {
  const limits = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'tight' }, spec: { limits: [] } }
  await make('/api/v1/namespaces/default/limitranges', limits)
  const running = people.kubectl('alice', ['delete', 'limitrange', 'tight'])
  const { id } = await people.pending(/delete limitrange tight/)
  const erin = await open('erin', `/approvals/${id}`)
  assert.equal(await erin.page.getByRole('link', { name: /Break the glass/ }).count(), 0)
  const why = { ticket: 'INC-7', reason: 'nobody answers at night' }
  assert.equal(await post(erin, `/approvals/${id}/break-glass`, why), 403)

  const alice = await open('alice', `/approvals/${id}`)
  await readAloud(alice)
  const { page } = alice
  await tabTo(page, 'Break the glass')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Go on without an approval?' }).waitFor()
  await readAloud(alice)
  assert.match(
    (await page.getByRole('region', { name: 'Nobody will have approved this' }).textContent())!,
    /written down under your name, corp:user-alice/,
  )
  await tabTo(page, 'Ticket')
  await page.keyboard.type(why.ticket)
  await tabTo(page, 'Why nobody can wait')
  await page.keyboard.type('short')
  await tabTo(page, 'Break the glass')
  await page.keyboard.press('Enter')
  // The browser itself holds back what the server would refuse.
  assert.match(page.url(), /break-glass$/)
  await page.getByLabel(/Why nobody can wait/).fill(why.reason)
  await page.getByRole('button', { name: 'Break the glass' }).press('Enter')
  await page.getByRole('region', { name: 'Glass broken: nobody approved this' }).waitFor()
  const done = await running
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stderr, /GLASS BROKEN/)
  assert.match((await page.locator('main').textContent())!, /You cannot review this: policy does not let you/)
  const judged = { verdict: 'justified', note: 'it was night' }
  assert.equal(await post(alice, `/approvals/${id}/review`, judged), 403)

  const bob = await open('bob', '/approvals')
  await bob.page
    .getByRole('region', { name: /Broken glass to be reviewed/ })
    .getByRole('link', { name: /delete limitrange tight/ })
    .press('Enter')
  await bob.page.getByText('INC-7').first().waitFor()
  await readAloud(bob)
  assert.match(
    (await bob.page.locator('main').textContent())!,
    /Open: for corp:user-alice, as often as wanted/,
  )
  await tabTo(bob.page, 'What you found')
  await bob.page.keyboard.type('<i>it was night</i>')
  await tabTo(bob.page, 'It was justified')
  await bob.page.keyboard.press('Enter')
  await bob.page.getByText('says corp:user-bob').waitFor()
  assert.equal(await bob.page.locator('main i').count(), 0)
  await bob.page.getByRole('button', { name: 'End it now' }).press('Enter')
  await bob.page.getByText(/Ended before its time by corp:user-bob/).waitFor()
  for (const one of [erin, alice, bob]) await one.context.close()
})

test('bob lets erin decide in his place, for one rule and an hour; she does, and he takes it back', async () => {
  const template = {
    ...{ apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: 'spare' } },
    template: { spec: { containers: [{ name: 'a', image: 'a.example/a' }] } },
  }
  await make('/api/v1/namespaces/default/podtemplates', template)
  const running = people.kubectl('grace', ['delete', 'podtemplate', 'spare'])
  const { id } = await people.pending(/delete podtemplate spare/)
  const bob = await open('bob', '/approvals/delegations')
  await readAloud(bob)
  const { page } = bob
  await tabTo(page, 'To whom')
  await page.keyboard.type('corp:user-erin')
  await page
    .getByLabel(/Until when, in UTC/)
    .fill(new Date(Date.now() + 3_600_000).toISOString().slice(0, 16))
  await page.getByLabel(/For which rules/).fill('people/one')
  await page.getByRole('button', { name: 'Delegate' }).press('Enter')
  await page.getByText('corp:user-erin').waitFor()
  await readAloud(bob)
  const shown = (await page.locator('main').textContent())!
  assert.match(shown, /rules people\/one · until .*\(in (?:59|60) minutes\)/)

  const erin = await open('erin', `/approvals/${id}`)
  await erin.page.getByRole('link', { name: 'Approve…' }).press('Enter')
  await erin.page.getByRole('button', { name: 'Approve' }).press('Enter')
  await erin.page.getByText('corp:user-erin approved it in the place of corp:user-bob').waitFor()
  assert.equal((await running).code, 0)

  await page.getByRole('button', { name: 'Take it back from corp:user-erin' }).press('Enter')
  await page.getByText('Nobody decides in your place.').waitFor()
  const alice = await open('alice', '/approvals/delegations')
  assert.doesNotMatch((await alice.page.locator('main').textContent())!, /Of others/)
  for (const one of [bob, erin, alice]) await one.context.close()
})

test('an open page hears of a vote at once and says so; where somebody writes it says it and takes nothing away', async () => {
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'voted' } }
  await make('/api/v1/namespaces/default/configmaps', config)
  const running = people.kubectl('heidi', ['delete', 'configmap', 'voted'])
  const { id } = await people.pending(/delete configmap voted/)
  const idle = await open('bob', `/approvals/${id}`, true)
  const watching = await open('erin', `/approvals/${id}`, true)
  const writing = await open('dave', `/approvals/${id}`, true)
  await writing.page.getByLabel(/Reason for a denial/).fill('let me thi')
  await watching.page.getByRole('heading', { level: 1 }).waitFor()
  const at = performance.now()
  assert.equal((await people.command('bob', ['approval', 'approve', id])).code, 0)
  await idle.page.getByText(/user-bob approved it/).waitFor()
  await idle.page.getByRole('status').getByText('this page was loaded again').waitFor()
  await writing.page.getByRole('status').getByText('load this page again').waitFor()
  assert.ok(performance.now() - at < 15_000, `${performance.now() - at} ms`)
  assert.equal(await writing.page.getByLabel(/Reason for a denial/).inputValue(), 'let me thi')
  await readAloud(idle)

  await writing.page.getByLabel(/Reason for a denial/).fill('')
  await writing.page.goto(`${people.up.url}/approvals/${id}/approve`)
  await writing.page.getByRole('button', { name: 'Approve' }).click()
  await writing.page.getByRole('heading', { name: 'Decisions (2)' }).waitFor()
  assert.equal((await running).code, 0)
  // Which request has used it, on a page that nobody has touched.
  await watching.page.getByText(/Used, by corp:user-heidi\. Used by request/).waitFor()
  for (const one of [idle, watching, writing]) await one.context.close()
})

test('the way to the content is the first thing the Tab key finds, and who asked takes it back with a reason', async () => {
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept' } }
  await make('/api/v1/namespaces/default/configmaps', config)
  const running = people.kubectl('ivan', ['delete', 'configmap', 'kept'])
  const { id } = await people.pending(/delete configmap kept/)
  const ivan = await open('ivan', `/approvals/${id}`)
  const { page } = ivan
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'To the content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'content')
  await tabTo(page, 'Why you take it back')
  await page.keyboard.type('wrong cluster')
  await page.keyboard.press('Enter')
  await page.getByText('Cancelled: wrong cluster').waitFor()
  const done = await running
  assert.equal(done.code, 1)
  assert.match(done.stderr, /wrong cluster/)
  await ivan.context.close()
})
