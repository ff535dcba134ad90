import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { openBrowser } from '../../testbed/browser/open-browser.ts'
import { type People, startPeople } from '../approvals/rig.ts'
import { type Answered, call, expectStatus } from '../e2e/call.ts'

let people: People
let browser: Browser
/** Another site, which wishes us ill. */
let foreign: Server
let foreignPage = ''

const held = (name: string, match: object, more: object = {}): object => ({
  name,
  effect: 'hold',
  match: { principals: { groups: ['corp:dev'] }, ...match },
  approval: { approvers: [{ groups: ['corp:oncall'] }], ...more },
})

interface Notice {
  readonly id: string
  readonly event: string
  readonly approval: { readonly id: string; readonly sentence: string; readonly link: string }
}

/** Somebody's own program that is told by webhook. */
let hook: Server
let hookIsDown = true
const notices: Notice[] = []
const hookSecret = randomBytes(24).toString('hex')

async function startHook(): Promise<string> {
  hook = createServer(async (request, response) => {
    const body = await text(request)
    const stamp = request.headers['sallyport-timestamp']
    const wanted = `v1=${createHmac('sha256', hookSecret).update(`${stamp}.${body}`).digest('hex')}`
    assert.equal(request.headers['sallyport-signature'], wanted)
    response.writeHead(hookIsDown ? 503 : 204).end()
    if (!hookIsDown) notices.push(JSON.parse(body))
    hook.emit('notice')
  })
  hook.listen(0, '127.0.0.1')
  await once(hook, 'listening')
  return `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
}

async function notice(id: string, event: string): Promise<Notice> {
  const patience = AbortSignal.timeout(60_000)
  for (;;) {
    const found = notices.find(one => one.approval.id === id && one.event === event)
    if (found !== undefined) return found
    await once(hook, 'notice', { signal: patience })
  }
}

before(
  async () => {
    const url = await startHook()
    const channel = {
      apiVersion: 'sallyport.dev/v1',
      kind: 'Channel',
      metadata: { name: 'program' },
      spec: { webhook: { url, secret: `\${HOOK_SECRET}` } },
    }
    const core = { apiGroups: [''], verbs: ['delete'] }
    people = await startPeople(
      [
        held('namespaces', { ...core, resources: ['namespaces'], riskClasses: ['*'] }),
        held('guarded', { ...core, resources: ['configmaps'] }),
        held(
          'top',
          {
            ...core,
            principals: { users: ['corp:user-heidi'] },
            resources: ['secrets'],
            riskClasses: ['*'],
          },
          { page: true },
        ),
      ],
      { channel },
      { HOOK_SECRET: hookSecret },
    )
    browser = await openBrowser()
    foreign = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(foreignPage)
    })
    foreign.listen(0, '127.0.0.1')
    await once(foreign, 'listening')
  },
  { timeout: 600_000 },
)
after(async () => {
  await browser?.close()
  foreign?.close()
  hook?.close()
  await people?.stop()
})

/** A browser of somebody's own, at 320 pixels, without JavaScript unless asked for. */
async function profile(javaScriptEnabled = false): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    javaScriptEnabled,
    viewport: { width: 320, height: 640 },
  })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  return { context, page }
}

/** Follows a link to an approval, and signs in on the way. */
async function open(page: Page, user: string, path: string): Promise<void> {
  await page.goto(people.up.url + path)
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  await page.locator(`button[value="${user}"]`).click()
  await page.waitForURL(people.up.url + path)
}

async function cookieOf(context: BrowserContext): Promise<string> {
  const cookies = await context.cookies(people.up.url)
  const found = cookies.find(one => one.name === '__Host-sallyport')
  assert.ok(found, 'no session cookie')
  assert.equal(found.httpOnly && found.secure && found.sameSite === 'Strict' && found.path === '/', true)
  return found.value
}

/** A form as a program sends it, with whatever cookie and origin it likes. */
async function post(
  path: string,
  cookie: string,
  form: Record<string, string>,
  headers: Record<string, string> = { origin: people.up.url },
): Promise<{ status: number; text: string }> {
  const sent = request(people.up.url + path, {
    method: 'POST',
    ca: readFileSync(people.up.caFile),
    agent: false,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      cookie: `__Host-sallyport=${cookie}`,
      ...headers,
    },
  })
  sent.end(new URLSearchParams(form).toString())
  const [response] = await once(sent, 'response')
  return { status: response.statusCode, text: await text(response) }
}

/** One whose request goes on waiting on the gateway after its client has left. */
async function ask(user: string, resource: string, name: string): Promise<Answered> {
  return people.request(user, `/api/v1/namespaces/default/${resource}/${name}?timeout=1s`, {
    method: 'DELETE',
  })
}

async function state(id: string): Promise<string> {
  const token = await people.token('bob')
  return (await expectStatus(200, people.up, `/v1/approvals/${id}`, { token })).json.approval.state
}

test('kubectl delete namespace waits; bob signs in in his browser, reads the sentence, approves; kubectl completes', async () => {
  await people.directly('create', 'namespace', 'payments')
  const running = people.kubectl('alice', ['delete', 'namespace', 'payments', '--wait=false'])
  const waits = await people.pending(/delete namespace payments/)
  const { page, context } = await profile()
  await open(page, 'bob', `/approvals/${waits.id}`)
  const heading = (await page.getByRole('heading', { level: 1 }).textContent()) ?? ''
  assert.match(heading, /user-alice · delete namespace payments · prod/)
  const text = (await page.locator('main').textContent()) ?? ''
  assert.match(text, /exactly this request, once/)
  assert.match(text, /people\/namespaces/)
  assert.ok(text.includes(waits.check))
  const width = await page.evaluate('document.documentElement.scrollWidth')
  assert.ok((width as number) <= 320, `${width} pixels wide`)
  await page.getByRole('link', { name: 'Approve…' }).click()
  assert.match(
    (await page.locator('main').textContent()) ?? '',
    /user-alice · delete namespace payments · prod/,
  )
  await page.getByLabel(/Reason/).fill('INC-42')
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('Approved. Nothing more can be decided here.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Deny' }).count(), 0)

  const done = await running
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, /namespace "payments" deleted/)
  const token = await people.token('bob')
  const entries = await expectStatus(200, people.up, '/v1/audit/entries?limit=50', { token })
  const rows = entries.json.items as { kind: string; sentence: string; head: { request?: { uri: string } } }[]
  const words = rows.map(row => `${row.kind}: ${row.sentence}`).join('\n')
  assert.match(words, /approval\.decide: .*bob.* approved: .*delete namespace payments/)
  assert.ok(
    rows.some(
      row => row.kind === 'admin.request' && row.head.request?.uri === `/approvals/${waits.id}/approve`,
    ),
  )
  assert.doesNotMatch(JSON.stringify(entries.json), /[?&](?:code|state)=|spb_/)

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Signed out' }).waitFor()
  await page.goto(`${people.up.url}/approvals`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await context.close()
})

test('who asked, and who is no approver, finds words in place of buttons, and his form is refused', async () => {
  await people.directly('create', 'configmap', 'own')
  await ask('alice', 'configmaps', 'own')
  const waits = await people.pending(/delete configmap own/)
  for (const [user, words] of [
    ['alice', /somebody else decides/],
    ['erin', /cannot decide this: rule .* asks for 1 of corp:oncall/],
  ] as const) {
    const { page, context } = await profile()
    await open(page, user, `/approvals/${waits.id}`)
    assert.match((await page.locator('main').textContent()) ?? '', words)
    assert.equal(await page.getByRole('link', { name: 'Approve…' }).count(), 0)
    assert.equal(await page.getByRole('button', { name: 'Deny' }).count(), 0)
    const form = await page.locator('input[name=form]').first().getAttribute('value')
    const answer = await post(`/approvals/${waits.id}/approve`, await cookieOf(context), { form: form! })
    assert.equal(answer.status, 403, answer.text)
    await context.close()
  }
  assert.equal(await state(waits.id), 'pending')
})

test('a form of another page, of another person, or of nobody decides nothing', async () => {
  await people.directly('create', 'configmap', 'forged')
  await ask('frank', 'configmaps', 'forged')
  const waits = await people.pending(/delete configmap forged/)
  const bob = await profile(true)
  const dave = await profile()
  await open(bob.page, 'bob', `/approvals/${waits.id}`)
  await open(dave.page, 'dave', `/approvals/${waits.id}`)
  const path = `/approvals/${waits.id}/approve`
  const formOf = async (page: Page): Promise<string> =>
    (await page.locator('input[name=form]').first().getAttribute('value'))!
  const [bobsCookie, davesForm, bobsForm] = [
    await cookieOf(bob.context),
    await formOf(dave.page),
    await formOf(bob.page),
  ]
  for (const [form, headers] of [
    [{}, undefined],
    [{ form: davesForm }, undefined],
    [{ form: bobsForm }, { origin: 'https://evil.example' }],
    [{ form: bobsForm }, { origin: 'null' }],
    [{ form: bobsForm }, {}],
    [{ form: bobsForm }, { origin: people.up.url, 'sec-fetch-site': 'cross-site' }],
  ] as [Record<string, string>, Record<string, string> | undefined][]) {
    const answer = await post(path, bobsCookie, form, headers)
    assert.equal(answer.status, 403, JSON.stringify([form, headers, answer.text]))
  }
  assert.equal((await post(path, `spb_${'A'.repeat(43)}`, { form: bobsForm })).status, 401)

  // The real thing: another site makes bob's browser send it.
  foreignPage = `<form method="post" action="${people.up.url}${path}"><input name="form" value="${bobsForm}"></form><script>document.forms[0].submit()</script>`
  const refused = bob.page.waitForResponse(response => response.url() === people.up.url + path)
  await bob.page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`)
  assert.ok((await refused).status() >= 400)
  // And a frame of another site shows nothing.
  foreignPage = `<iframe src="${people.up.url}/approvals/${waits.id}"></iframe>`
  await bob.page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/framed`)
  const frame = bob.page.frames()[1]!
  assert.doesNotMatch(await frame.content(), /delete configmap/)
  assert.equal(await state(waits.id), 'pending')
  // The cookie is no bearer token.
  assert.equal((await call(people.up, '/v1/whoami', { token: bobsCookie })).status, 401)
  await bob.context.close()
  await dave.context.close()
})

test('a link on another site leads a signed-in person to the approval, without another sign-in', async () => {
  const [waits] = await people.approvals()
  const { page, context } = await profile()
  await open(page, 'bob', `/approvals/${waits!.id}`)
  foreignPage = `<a href="${people.up.url}/approvals/${waits!.id}">look at this</a>`
  await page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/link`)
  await page.getByRole('link').click()
  await page.getByRole('heading', { name: waits!.sentence }).waitFor()
  await context.close()
})

test('a sign-in that this browser did not begin is refused, and a code is good once', async () => {
  const { page, context } = await profile()
  let back = ''
  page.on('request', request => {
    if (request.url().includes('/approvals/signed-in/')) back = request.url()
  })
  await page.goto(`${people.up.url}/approvals/sign-in`)
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  await page.locator('button[value="bob"]').click()
  await page.waitForURL(`${people.up.url}/approvals`)
  assert.match(back, /[?&]code=/)
  // Again, in the same browser: its cookie of the sign-in is gone.
  assert.equal((await page.goto(back))!.status(), 401)
  const stranger = await profile()
  assert.equal((await stranger.page.goto(back))!.status(), 401)
  // Another one under way, with a state that is not its own.
  await stranger.page.goto(`${people.up.url}/approvals/sign-in`)
  await stranger.page.getByRole('link', { name: 'Sign in with corp' }).click()
  await stranger.page.waitForURL(/sign-in\//)
  assert.equal((await stranger.page.goto(back))!.status(), 401)
  const cookies = await stranger.context.cookies(people.up.url)
  assert.equal(
    cookies.some(one => one.name === '__Host-sallyport'),
    false,
  )
  await context.close()
  await stranger.context.close()
})

test('the gravest is approved on the page only, and only right after a sign-in', async () => {
  await people.directly('create', 'secret', 'generic', 'crown')
  await ask('heidi', 'secrets', 'crown')
  const waits = await people.pending(/delete secret crown/)
  const elsewhere = await people.command('bob', ['approval', 'approve', waits.id])
  assert.notEqual(elsewhere.code, 0)
  assert.match(elsewhere.stderr, /on the approval page only/)
  const { page, context } = await profile()
  // Signed in without being asked again: the issuer does not say when that was.
  await open(page, 'bob', `/approvals/${waits.id}`)
  const form = (await page.locator('input[name=form]').first().getAttribute('value'))!
  const early = await post(`/approvals/${waits.id}/approve`, await cookieOf(context), { form })
  assert.equal(early.status, 403)
  assert.match(early.text, /page-required/)
  await page.getByRole('link', { name: 'Sign in again to approve' }).click()
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  // Though it has a session with him, the issuer asks who he is.
  await page.locator('button[value="bob"]').click()
  await page.waitForURL(`${people.up.url}/approvals/${waits.id}`)
  await page.getByRole('link', { name: 'Approve…' }).click()
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('Approved. Nothing more can be decided here.').waitFor()
  await context.close()
})

test('what requesters and approvers write is shown as text', async () => {
  const evil = '<script>document.title="owned"</script><img src=x onerror=alert(1)>'
  await people.directly('create', 'configmap', 'written')
  await people.directly('annotate', 'configmap', 'written', `note=${evil}`)
  const running = people.kubectl('judy', ['delete', 'configmap', 'written'])
  const waits = await people.pending(/delete configmap written/)
  const { page, context } = await profile(true)
  await open(page, 'dave', `/approvals/${waits.id}`)
  // In what would come of it, too.
  assert.ok((await page.locator('pre').textContent())?.includes(evil))
  await page.getByLabel(/Reason for a denial/).fill(evil)
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.getByText(/^Denied/).waitFor()
  assert.equal(await page.locator('main img, main script').count(), 0)
  assert.doesNotMatch(await page.title(), /owned/)
  const html = await (await page.goto(`${people.up.url}/approvals/${waits.id}`))!.text()
  assert.doesNotMatch(html, /<script>|<img/)
  assert.ok(Buffer.byteLength(html) < 50_000)
  assert.equal((await running).code, 1)
  await context.close()
})

test('an open page shows that somebody else has decided, and the button of what has ended does nothing', async () => {
  await people.directly('create', 'configmap', 'raced')
  await ask('ivan', 'configmaps', 'raced')
  const waits = await people.pending(/delete configmap raced/)
  const { page, context } = await profile(true)
  await open(page, 'bob', `/approvals/${waits.id}`)
  const form = (await page.locator('input[name=form]').first().getAttribute('value'))!
  const decided = performance.now()
  assert.equal((await people.command('dave', ['approval', 'deny', waits.id, '--reason', 'no'])).code, 0)
  await page.getByText('Denied: no').waitFor()
  assert.ok(performance.now() - decided < 30_000)
  const late = await post(`/approvals/${waits.id}/approve`, await cookieOf(context), { form })
  assert.equal(late.status, 409, late.text)
  assert.match(late.text, /it is denied: no/)
  await context.close()
})

test('a webhook that is down loses nothing; who has its secret may ask to be told again, and decides nothing', async () => {
  await people.directly('create', 'configmap', 'told')
  await ask('grace', 'configmaps', 'told')
  const waits = await people.pending(/delete configmap told/)
  // It has been down all the time, so far.
  assert.deepEqual(notices, [])
  hookIsDown = false
  const { approval } = await notice(waits.id, 'created')
  assert.equal(approval.sentence, waits.sentence)
  assert.equal(approval.link, `${people.up.url}/approvals/${waits.id}`)

  const send = async (body: object, secret = hookSecret, at = Date.now()): Promise<Answered> => {
    const stamp = String(Math.floor(at / 1000))
    const signature = createHmac('sha256', secret)
      .update(`${stamp}.${JSON.stringify(body)}`)
      .digest('hex')
    const headers = { 'sallyport-timestamp': stamp, 'sallyport-signature': `v1=${signature}` }
    return call(people.up, '/channels/program', { method: 'POST', body, headers })
  }
  const wake = { kind: 'ApprovalWake', approval: waits.id }
  assert.equal((await send(wake, 'not the secret of this channel')).status, 401)
  assert.equal((await send(wake, hookSecret, Date.now() - 400_000)).status, 401)
  const decision = await send({ kind: 'ApprovalDecision', approval: waits.id, verdict: 'approve' })
  assert.equal(decision.status, 403)
  assert.match(decision.body, /a webhook decides nothing/)
  const now = Date.now()
  const woken = await send(wake, hookSecret, now)
  assert.equal(woken.status, 202, woken.body)
  assert.equal(woken.json.repeated, false)
  await notice(waits.id, 'updated')
  assert.equal((await send(wake, hookSecret, now)).json.repeated, true)
  assert.equal(await state(waits.id), 'pending')

  assert.equal((await people.command('bob', ['approval', 'deny', waits.id])).code, 0)
  await notice(waits.id, 'closed')
})
