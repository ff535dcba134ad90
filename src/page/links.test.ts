import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, beforeEach, test } from 'node:test'
import { createFake, type Fake } from '../api/testing/fake-services.ts'
import { alice, bob } from '../api/testing/fixtures.ts'
import type { Principal } from '../identity/principal.ts'
import type { ChannelLink } from '../notify/links/contract.ts'
import { createPage, type Page } from './create.ts'
import { formTokenOf } from './form.ts'

const TOKEN = `link-${'0'.repeat(28)}-${'a'.repeat(26)}`
let fake: Fake
let page: Page
let port = 0
let confirmed: string[] = []
let signedInAt = 0
const begun: string[] = []

const server = createServer((req, res) => page.handle(req, res))
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
after(() => server.close())

beforeEach(() => {
  fake = createFake()
  confirmed = []
  begun.length = 0
  signedInAt = Date.UTC(2026, 0, 3)
  const people: Readonly<Record<string, Principal>> = { spb_bob: bob, spb_alice: alice }
  const { channels } = fake.services
  const confirm = async (by: Principal, token: string): Promise<ChannelLink> => {
    confirmed.push(`${by.username} ${token}`)
    return channels.links()[0]!
  }
  const provider = {
    ...{ name: 'corp', issuer: 'https://issuer.test' },
    login: { clientId: 'sallyport', scopes: [] },
  }
  page = createPage({
    api: { ...fake.services, channels: { ...channels, confirm } },
    shown: words => words,
    browsers: {
      providers: () => [provider],
      flow: {
        async begin(_, { state }) {
          begun.push(state)
          return `https://issuer.test/auth?state=${state}`
        },
        finish: async () => 'id-token',
      },
      byIdToken: async () => ({ token: 'spb_bob', expiresAt: 0, principal: bob }),
      byCode: () => assert.fail('no code'),
      async find(token) {
        const who = people[token]!
        const authentication = { ...who.authentication, issuedAt: signedInAt }
        return {
          ...{ id: `id-${token}`, createdAt: signedInAt, expiresAt: Date.now() + 3_600_000 },
          principal: { ...who, authentication },
          browser: { authenticatedAt: Date.now() },
        }
      },
      end: async () => true,
    },
  })
})

async function ask(
  path: string,
  how: { session?: string; form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
  const { session = 'spb_bob', form, headers = {} } = how
  const sent = request({
    ...{ host: '127.0.0.1', port, path, agent: false, method: form === undefined ? 'GET' : 'POST' },
    headers: {
      ...(session === '' ? {} : { cookie: `__Host-sallyport=${session}` }),
      ...(form === undefined
        ? {}
        : {
            'content-type': 'application/x-www-form-urlencoded',
            origin: `https://127.0.0.1:${port}`,
          }),
      ...headers,
    },
  })
  sent.end(form === undefined ? undefined : new URLSearchParams(form).toString())
  const [response] = await once(sent, 'response')
  return { status: response.statusCode, headers: response.headers, text: await text(response) }
}

test('a link of a channel shows both names, does nothing by itself, and is confirmed by a form of ours', async () => {
  const shown = await ask(`/approvals/link?token=${TOKEN}`)
  assert.equal(shown.status, 200)
  assert.match(shown.text, /slack\/T1\/U1/)
  assert.match(shown.text, /<strong>corp:bob<\/strong>/)
  assert.match(shown.text, /close this page/)
  assert.deepEqual(confirmed, [])
  const form = { form: formTokenOf('spb_bob'), token: TOKEN }
  assert.equal(
    (await ask('/approvals/link', { form: { ...form, form: formTokenOf('spb_alice') } })).status,
    403,
  )
  assert.equal((await ask('/approvals/link', { form, headers: { origin: 'https://evil.test' } })).status, 403)
  assert.equal((await ask('/approvals/link', { form: { ...form, token: 'link-x' } })).status, 403)
  assert.deepEqual(confirmed, [])
  const done = await ask('/approvals/link', { form })
  assert.deepEqual([done.status, done.headers.location], [303, '/approvals/links'])
  assert.deepEqual(confirmed, [`corp:bob ${TOKEN}`])
  assert.ok(!JSON.stringify(fake.entries).includes(TOKEN), 'the token is in the trail')
})

test('who was signed in before is sent to sign in again first', async () => {
  signedInAt = Date.UTC(2026, 0, 1)
  const shown = await ask(`/approvals/link?token=${TOKEN}`)
  assert.match(shown.text, new RegExp(`/approvals/sign-in\\?to=${TOKEN}&amp;afresh=1`))
  assert.doesNotMatch(shown.text, /Link it to me/)
})

test('a sign-in on the way comes back to the link, also from the chat on another site', async () => {
  const path = `/approvals/link?token=${TOKEN}`
  const out = await ask(path, { session: '' })
  assert.deepEqual([out.status, out.headers.location], [303, `/approvals/sign-in?to=${TOKEN}`])
  // Where a channel sends those whom it does not know.
  const list = await ask('/approvals/links', { session: '' })
  assert.deepEqual([list.status, list.headers.location], [303, '/approvals/sign-in?to=links'])
  const foreign = await ask(path, { session: '', headers: { 'sec-fetch-site': 'cross-site' } })
  assert.match(foreign.text, new RegExp(`content="0;url=/approvals/link\\?token=${TOKEN}"`))
  const left = await ask(`/approvals/sign-in/corp?to=${TOKEN}`, { session: '' })
  const cookie = String(left.headers['set-cookie']).split(';')[0]!
  const back = await ask(`/approvals/signed-in/corp?code=x&state=${begun[0]}`, {
    session: '',
    headers: { cookie },
  })
  assert.match(back.text, new RegExp(`content="0;url=/approvals/link\\?token=${TOKEN}"`))
})

test("one sees, and takes away, one's own accounts only", async () => {
  assert.doesNotMatch((await ask('/approvals/links')).text, /slack\/T1\/U1/)
  const own = await ask('/approvals/links', { session: 'spb_alice' })
  assert.match(own.text, /slack\/T1\/U1/)
  fake.deny.add('channel.link.remove')
  const remove = '/approvals/links/link-1/remove'
  assert.equal((await ask(remove, { form: { form: formTokenOf('spb_bob') } })).status, 403)
  const form = { form: formTokenOf('spb_alice') }
  assert.equal((await ask(remove, { session: 'spb_alice', form })).status, 303)
})

test('for a channel that is read, a code is made by a form and stands in no address', async () => {
  assert.match((await ask('/approvals/links')).text, /Get a code for channel tracker/)
  const made = await ask('/approvals/links/code', {
    form: { form: formTokenOf('spb_bob'), channel: 'tracker' },
  })
  assert.equal(made.status, 200)
  assert.match(made.text, new RegExp(`<pre[^>]*>${TOKEN}</pre>`))
})
