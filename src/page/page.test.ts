import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { createFake, type Fake } from '../api/testing/fake-services.ts'
import { alice, bob } from '../api/testing/fixtures.ts'
import { Refusal } from '../errors/refusal.ts'
import type { SignIn } from '../identity/local/sign-ins.ts'
import { flowSecretsOf } from '../identity/oidc/browser-flow.ts'
import { cookieOf } from './cookies.ts'
import { createPage, isPagePath, type Page } from './create.ts'
import { formTokenOf } from './form.ts'
import { html } from './html.ts'

let fake: Fake
let page: Page
let port = 0
const signIns = new Map<string, SignIn>()
const begun: { redirectUri: string; state: string; afresh: boolean }[] = []

const server = createServer((req, res) => page.handle(req, res))
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
after(() => server.close())

beforeEach(() => {
  fake = createFake()
  signIns.clear()
  begun.length = 0
  const provider = {
    name: 'corp',
    issuer: 'https://issuer.test',
    login: { clientId: 'sallyport', scopes: [] },
  }
  const enter = async (principal: typeof bob, token: string) => {
    signIns.set(token, {
      ...{ id: `id-${token}`, principal, createdAt: 0, expiresAt: Date.now() + 3_600_000 },
      browser: { authenticatedAt: Date.now() },
    })
    return { token, expiresAt: 0, principal }
  }
  void enter(bob, 'spb_bob')
  void enter(alice, 'spb_alice')
  page = createPage({
    api: fake.services,
    shown: words => words,
    browsers: {
      providers: () => [provider],
      flow: {
        async begin(_, { state }, redirectUri, { afresh }) {
          begun.push({ redirectUri, state, afresh })
          return `https://issuer.test/auth?state=${state}`
        },
        async finish(_, { state }, answer) {
          assert.equal(answer.searchParams.get('state'), state)
          if (answer.searchParams.get('code') !== 'good') throw new Refusal('credential-invalid')
          return 'id-token'
        },
      },
      byIdToken: () => enter(bob, 'spb_fresh'),
      async byCode(code) {
        if (code !== 'open-sesame') throw new Refusal('credential-invalid', { check: 'one-time-code' })
        return enter(alice, 'spb_code')
      },
      async find(token) {
        const found = signIns.get(token)
        if (found === undefined) throw new Refusal('credential-expired')
        return found
      },
      end: async id => signIns.delete(id.slice(3)),
    },
  })
})

interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

async function ask(
  path: string,
  {
    session = '',
    cookie = session === '' ? '' : `__Host-sallyport=${session}`,
    form,
    headers = {},
    method,
  }: {
    session?: string
    cookie?: string
    form?: Record<string, string>
    headers?: Record<string, string>
    method?: string
  } = {},
): Promise<Got> {
  const host = `127.0.0.1:${port}`
  const sent = request({
    ...{ host: '127.0.0.1', port, path, agent: false },
    method: method ?? (form === undefined ? 'GET' : 'POST'),
    headers: {
      ...(cookie === '' ? {} : { cookie }),
      ...(form === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', origin: `https://${host}` }),
      ...headers,
    },
  })
  sent.end(form === undefined ? undefined : new URLSearchParams(form).toString())
  const [response] = await once(sent, 'response')
  return { status: response.statusCode, headers: response.headers, text: await text(response) }
}

const kinds = (): string[] => fake.entries.map(entry => `${entry.kind} ${entry.phase}`)

test('every page forbids frames, foreign scripts and forms that go elsewhere', async () => {
  for (const path of ['/approvals/sign-in', '/approvals', '/approvals/page.js', '/approvals/x/y/z']) {
    const { headers } = await ask(path, { session: 'spb_bob' })
    const policy = String(headers['content-security-policy'])
    for (const part of [
      "default-src 'none'",
      "frame-ancestors 'none'",
      "form-action 'self'",
      "base-uri 'none'",
    ])
      assert.ok(policy.includes(part), `${path}: ${policy}`)
    assert.doesNotMatch(policy, /unsafe|https?:|\*/)
    assert.equal(headers['x-frame-options'], 'DENY')
    assert.equal(headers['x-content-type-options'], 'nosniff')
  }
})

test('who is not signed in is sent to sign in and led back; a link on another site takes one step more', async () => {
  const plain = await ask('/approvals/approval-1')
  assert.equal(plain.status, 303)
  assert.equal(plain.headers.location, '/approvals/sign-in?to=approval-1')
  const linked = await ask('/approvals/approval-1', { headers: { 'sec-fetch-site': 'cross-site' } })
  assert.equal(linked.status, 200)
  assert.match(linked.text, /http-equiv="refresh" content="0;url=\/approvals\/approval-1"/)
  const odd = await ask('/approvals/%3Cscript%3E', { headers: { 'sec-fetch-site': 'cross-site' } })
  assert.doesNotMatch(odd.text, /<script>/)
  assert.deepEqual(fake.entries, [])
})

test('decisions are asked of policy under the name of the rule, and are in the trail like those of the API', async () => {
  const form = { form: formTokenOf('spb_bob'), reason: ' INC-42 ' }
  const done = await ask('/approvals/approval-1/approve', { session: 'spb_bob', form })
  assert.equal(done.status, 303)
  assert.equal(done.headers.location, '/approvals/approval-1')
  assert.deepEqual(kinds(), ['admin.request intent', 'admin.request outcome'])
  const { head } = fake.entries[0]!
  assert.deepEqual([head.action?.verb, head.action?.name], ['approval.decide', 'guard-rails/namespaces'])
  fake.entries.length = 0
  fake.deny.add('approval.decide')
  const denied = await ask('/approvals/approval-1/approve', { session: 'spb_bob', form })
  assert.equal(denied.status, 403)
  assert.match(denied.text, /denied-by-policy/)
  assert.deepEqual(kinds(), ['admin.request intent', 'admin.request outcome'])
})

test('what cannot be recorded is not shown and not done', async () => {
  fake.logFails = true
  const seen = await ask('/approvals/approval-1', { session: 'spb_bob' })
  assert.equal(seen.status, 503)
  assert.doesNotMatch(seen.text, /delete namespace shop/)
})

test('forms without the right secret, from elsewhere, or of another kind are refused', async () => {
  const path = '/approvals/approval-1/deny'
  const form = { form: formTokenOf('spb_bob') }
  for (const [how, status] of [
    [{ form: {} }, 403],
    [{ form: { form: formTokenOf('spb_alice') } }, 403],
    [{ form, headers: { origin: 'https://evil.test' } }, 403],
    [{ form, headers: { origin: 'null' } }, 403],
    [{ form, headers: { origin: `http://127.0.0.1:${port}` } }, 403],
    [{ form, headers: { 'sec-fetch-site': 'same-site' } }, 403],
    [{ form, headers: { 'content-type': 'text/plain' } }, 415],
    [{ form: { ...form, reason: 'x'.repeat(501) } }, 400],
    [{ form: { ...form, reason: 'x'.repeat(20_000) } }, 413],
    [{ form, session: '' }, 401],
    [{ form, session: 'spb_unknown' }, 401],
    [{ form, cookie: '__Host-sallyport=spb_bob; __Host-sallyport=spb_bob' }, 401],
    [{ method: 'PUT' }, 405],
  ] as const) {
    const answer = await ask(path, { session: 'spb_bob', ...how })
    assert.equal(answer.status, status, JSON.stringify(how))
  }
  assert.equal((await ask(path, { session: 'spb_bob', form })).status, 303)
})

test('an approval that is not allowed to be seen is not shown, and who may see no others sees his own', async () => {
  fake.deny.add('approval.list')
  assert.equal((await ask('/approvals/approval-1', { session: 'spb_bob' })).status, 403)
  assert.doesNotMatch((await ask('/approvals', { session: 'spb_bob' })).text, /delete namespace/)
  assert.match((await ask('/approvals', { session: 'spb_alice' })).text, /delete namespace shop/)
})

test('who asked has no button but the one to take it back', async () => {
  const own = await ask('/approvals/approval-1', { session: 'spb_alice' })
  assert.match(own.text, /somebody else decides/)
  assert.doesNotMatch(own.text, /\/approve|\/deny/)
  assert.match(own.text, /Take it back/)
})

async function begin(query = ''): Promise<{ cookie: string; state: string }> {
  const { headers, status } = await ask(`/approvals/sign-in/corp${query}`)
  assert.equal(status, 303)
  const [cookie = ''] = headers['set-cookie'] ?? []
  assert.match(cookie, /; Secure; HttpOnly; SameSite=Lax$/)
  return { cookie: cookie.split(';')[0]!, state: begun.at(-1)!.state }
}

test('a sign-in comes back with its own state to the browser that began it, and only there', async () => {
  const { cookie, state } = await begin('?to=approval-1&afresh=1')
  assert.equal(begun[0]!.redirectUri, `https://127.0.0.1:${port}/approvals/signed-in/corp`)
  assert.equal(begun[0]!.afresh, true)
  const other = await begin()
  const tampered = cookie.replace('approval-1', 'approval-2')
  for (const [path, jar] of [
    [`?code=good&state=${state}`, ''],
    [`?code=good&state=${state}`, other.cookie],
    [`?code=good&state=${other.state}`, cookie],
    ['?code=good', cookie],
    [`?code=good&state=${state}&state=${state}`, cookie],
    [`?code=good&state=${state}`, tampered],
    [`?code=bad&state=${state}`, cookie],
  ] as const) {
    const refused = await ask(`/approvals/signed-in/corp${path}`, { cookie: jar })
    assert.equal(refused.status, 401, path)
    assert.equal(refused.headers['set-cookie'], undefined)
  }
  assert.ok(kinds().every(kind => kind === 'auth.fail state'))
  assert.doesNotMatch(JSON.stringify(fake.entries), new RegExp(`${state}|code=`))
  fake.entries.length = 0
  const done = await ask(`/approvals/signed-in/corp?code=good&state=${state}`, { cookie })
  assert.equal(done.status, 200)
  assert.match(done.text, /content="0;url=\/approvals\/approval-1"/)
  const [session, flow] = done.headers['set-cookie']!
  assert.match(
    session!,
    /^__Host-sallyport=spb_fresh; Path=\/; Max-Age=3600; Secure; HttpOnly; SameSite=Strict$/,
  )
  assert.match(flow!, /^__Host-sallyport-sign-in=; .*Max-Age=0/)
  assert.deepEqual(kinds(), ['auth.login state'])
})

test('where one is led to after a sign-in is an approval and never an address', async () => {
  for (const to of ['https://evil.test/', '//evil.test', '../../x', 'a/b', 'a%0d%0aset-cookie:x']) {
    const { cookie, state } = await begin(`?to=${to}`)
    const done = await ask(`/approvals/signed-in/corp?code=good&state=${state}`, { cookie })
    assert.match(done.text, /content="0;url=\/approvals"/, to)
  }
})

test('one-time codes work in the browser, and guesses are counted', async () => {
  const good = await ask('/approvals/sign-in/code', { form: { code: 'open-sesame', to: 'approval-1' } })
  assert.equal(good.status, 200)
  assert.match(good.headers['set-cookie']![0]!, /^__Host-sallyport=spb_code/)
  const foreign = { form: { code: 'open-sesame' }, headers: { origin: 'https://evil.test' } }
  assert.equal((await ask('/approvals/sign-in/code', foreign)).status, 403)
  for (let i = 0; i < 10; i++) {
    assert.equal((await ask('/approvals/sign-in/code', { form: { code: 'guess' } })).status, 401)
  }
  const paused = await ask('/approvals/sign-in/code', { form: { code: 'open-sesame' } })
  assert.equal(paused.status, 429)
  assert.ok(Number(paused.headers['retry-after']) > 0)
})

test('a sign-out ends the sign-in of this browser', async () => {
  const form = { form: formTokenOf('spb_bob') }
  const out = await ask('/approvals/sign-out', { session: 'spb_bob', form })
  assert.equal(out.status, 200)
  assert.equal(signIns.has('spb_bob'), false)
  assert.equal(signIns.has('spb_alice'), true)
  assert.match(out.headers['set-cookie']![0]!, /^__Host-sallyport=; .*Max-Age=0/)
  assert.ok(kinds().includes('auth.logout state'))
  assert.equal((await ask('/approvals/approval-1', { session: 'spb_bob' })).status, 303)
})

test('text is text wherever it is put into a page', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), words => {
      const { text: made } = html`<p title="${words}">${words}${[words]}</p>`
      const inside = made.slice('<p title="'.length, -'</p>'.length)
      const [title, ...rest] = inside.split('">')
      assert.equal(rest.length, 1)
      assert.doesNotMatch(title! + rest[0]!, /[<>"'`]/)
      const back = title!.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
      assert.equal(back, words)
    }),
  )
})

test('paths of the page are told from others', () => {
  for (const path of ['/approvals', '/approvals/', '/approvals?x', '/approvals/a'])
    assert.ok(isPagePath(path))
  for (const path of ['/approvalsx', '/v1/approvals', '/', '']) assert.ok(!isPagePath(path))
})

test('a cookie that comes twice is none', () => {
  assert.equal(cookieOf('a=1; b=2', 'b'), '2')
  assert.equal(cookieOf('a=1; a=2', 'a'), undefined)
  assert.equal(cookieOf('aa=1', 'a'), undefined)
  assert.equal(cookieOf(undefined, 'a'), undefined)
})

test('another target or issuer of a sign-in has other secrets', () => {
  const all = ['corp.0..1', 'corp.1..1', 'corp.0.a.1', 'other.0..1'].map(bound =>
    flowSecretsOf('seed', bound),
  )
  const texts = all.flatMap(({ state, nonce, verifier }) => [state, nonce, verifier])
  assert.equal(new Set(texts).size, 12)
  assert.ok(texts.every(one => one.length === 43))
})
