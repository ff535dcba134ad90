import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { access } from './access.ts'
import type { Fake } from './testing/fake-services.ts'
import { alice, policyDocument, rowOf } from './testing/fixtures.ts'
import { createRig, type Rig } from './testing/http-rig.ts'

let rig: Rig
let fake: Fake
const ask: Rig['ask'] = (...args) => rig.ask(...args)

before(async () => {
  rig = await createRig()
})
beforeEach(async () => {
  await rig.renew()
  fake = rig.fake
})
after(() => rig.close())

/** One valid request for each decided route. */
const valid: Record<string, { path: string; body?: unknown }> = {
  'GET /metrics': { path: '/metrics' },
  'GET /v1/status': { path: '/v1/status' },
  'GET /v1/whoami': { path: '/v1/whoami' },
  'POST /v1/signout': { path: '/v1/signout' },
  'GET /v1/connections': { path: '/v1/connections' },
  'GET /v1/connections/:name/checks': { path: '/v1/connections/prod/checks' },
  'GET /v1/sessions': { path: '/v1/sessions' },
  'POST /v1/sessions': { path: '/v1/sessions', body: { connection: 'prod' } },
  'GET /v1/sessions/:id': { path: '/v1/sessions/s-known' },
  'PUT /v1/sessions/:id/reason': { path: '/v1/sessions/s-known/reason', body: { reason: 'INC-1' } },
  'DELETE /v1/sessions/:id': { path: '/v1/sessions/s-known' },
  'GET /v1/revocations': { path: '/v1/revocations' },
  'POST /v1/revocations': { path: '/v1/revocations', body: { target: { kind: 'session', id: 's-known' } } },
  'GET /v1/audit/entries': { path: '/v1/audit/entries' },
  'GET /v1/audit/masked': { path: '/v1/audit/masked' },
  'GET /v1/audit/entries/:call': { path: '/v1/audit/entries/call-1' },
  'GET /v1/audit/entries/:call/proofs': { path: '/v1/audit/entries/call-1/proofs' },
  'GET /v1/audit/export': { path: '/v1/audit/export' },
  'GET /v1/audit/tail': { path: '/v1/audit/tail' },
  'GET /v1/approvals': { path: '/v1/approvals' },
  'POST /v1/approvals': {
    path: '/v1/approvals',
    body: { connection: 'prod', scope: { verbs: ['delete'] }, seconds: 600, reason: 'INC-42' },
  },
  'GET /v1/approvals/:id': { path: '/v1/approvals/approval-1' },
  'POST /v1/approvals/:id/decide': {
    path: '/v1/approvals/approval-1/decide',
    body: { verdict: 'approve' },
  },
  'POST /v1/approvals/:id/cancel': { path: '/v1/approvals/approval-1/cancel', body: {} },
  'GET /v1/channel-links': { path: '/v1/channel-links' },
  'DELETE /v1/channel-links/:id': { path: '/v1/channel-links/link-1' },
  'POST /v1/approvals/:id/break-glass': {
    path: '/v1/approvals/approval-1/break-glass',
    body: { reason: 'the shop is down', ticket: 'INC-1' },
  },
  'POST /v1/approvals/:id/review': {
    path: '/v1/approvals/approval-1/review',
    body: { verdict: 'justified', note: 'it was down' },
  },
  'GET /v1/approval-stats': { path: '/v1/approval-stats' },
  'GET /v1/delegations': { path: '/v1/delegations' },
  'POST /v1/delegations': { path: '/v1/delegations', body: { to: 'corp:dave', seconds: 3600 } },
  'POST /v1/delegations/:id/end': { path: '/v1/delegations/delegation-1/end' },
  'GET /v1/grants': { path: '/v1/grants' },
  'POST /v1/grants/:id/revoke': { path: '/v1/grants/grant-1/revoke', body: {} },
  'GET /v1/reveals': { path: '/v1/reveals' },
  'POST /v1/reveals': {
    path: '/v1/reveals',
    body: { scope: { call: 'call-1' }, reason: 'which password was in the answer', ticket: 'INC-1' },
  },
  'POST /v1/reveals/:id/approve': { path: '/v1/reveals/reveal-1/approve', body: {} },
  'POST /v1/reveals/:id/deny': { path: '/v1/reveals/reveal-1/deny', body: {} },
  'POST /v1/reveals/:id/open': { path: '/v1/reveals/reveal-1/open' },
  'GET /v1/shreds': { path: '/v1/shreds' },
  'POST /v1/shreds': {
    path: '/v1/shreds',
    body: { class: 'sealed', day: '2026-01-01', reason: 'the retention time is over' },
  },
  'POST /v1/shreds/:id/approve': { path: '/v1/shreds/shred-1/approve' },
  'POST /v1/shreds/:id/deny': { path: '/v1/shreds/shred-1/deny' },
  'GET /v1/holds': { path: '/v1/holds' },
  'POST /v1/holds': {
    path: '/v1/holds',
    body: { scope: { day: '2026-01-01' }, reason: 'a case of the court begins' },
  },
  'POST /v1/holds/:id/release': {
    path: '/v1/holds/hold-1/release',
    body: { reason: 'the case of the court ended' },
  },
  'GET /v1/documents': { path: '/v1/documents?kind=Policy' },
  'GET /v1/documents/:kind/:name': { path: '/v1/documents/Policy/base' },
  'PUT /v1/documents/:kind/:name': { path: '/v1/documents/Policy/base', body: policyDocument('base') },
  'DELETE /v1/documents/:kind/:name': { path: '/v1/documents/Policy/base' },
  'POST /v1/documents/apply': {
    path: '/v1/documents/apply',
    body: { sources: [{ file: 'a.json', text: JSON.stringify(policyDocument('other')) }] },
  },
  'POST /v1/policy/check': { path: '/v1/policy/check', body: { sources: [{ file: 'a', text: '' }] } },
  'POST /v1/policy/test': { path: '/v1/policy/test', body: { sources: [{ file: 'a', text: '' }] } },
  'POST /v1/policy/explain': {
    path: '/v1/policy/explain',
    body: { connection: 'prod', action: { verb: 'get' } },
  },
  'POST /v1/policy/replay': { path: '/v1/policy/replay', body: { since: '2026-01-01T00:00:00Z' } },
  'GET /v1/policy/suggestion': {
    path: '/v1/policy/suggestion?principal=corp:alice&since=2026-01-01T00:00:00Z',
  },
  'GET /v1/policies/:name/history': { path: '/v1/policies/base/history' },
  'GET /v1/policies/:name/history/:number': { path: '/v1/policies/base/history/1' },
  'GET /v1/masking/rules': { path: '/v1/masking/rules' },
  'POST /v1/masking/test': { path: '/v1/masking/test', body: { text: 'a', form: 'text' } },
  'GET /v1/decisions/:call': { path: '/v1/decisions/call-1' },
  'GET /v1/agents': { path: '/v1/agents' },
  'POST /v1/agents/tokens': { path: '/v1/agents/tokens', body: { agent: 'far' } },
  'DELETE /v1/agents/:name': { path: '/v1/agents/far' },
}

async function furnish(): Promise<void> {
  fake.rows.push(rowOf('call-1', 'api-7f'))
  fake.documents.set('Policy/base', {
    kind: 'Policy',
    name: 'base',
    version: 3,
    source: 'api',
    document: policyDocument('base') as Record<string, unknown>,
  })
  const { session } = await fake.services.sessions.open(alice, 'prod', {
    address: '',
    port: 0,
    userAgent: '',
  })
  fake.sessions[0] = { ...session, id: 's-known' }
}

test('every route of the description is in the access table, and the table holds nothing else', () => {
  const paths = (rig.api.openapi() as { paths: Record<string, Record<string, unknown>> }).paths
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(m => `${m.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  )
  assert.deepEqual(routes.sort(), Object.keys(access).sort())
  const decided = Object.keys(access).filter(key => access[key]!.kind === 'decided')
  assert.deepEqual(decided.sort(), Object.keys(valid).sort(), 'each decided route has a request in this file')
})

test('without a credential every decided route answers 401 and does nothing', async () => {
  await furnish()
  for (const [key, { path, body }] of Object.entries(valid)) {
    const answer = await ask(key.split(' ')[0]!, path, { token: null, body })
    assert.equal(answer.status, 401, key)
    assert.equal(answer.json.code, 'credential-missing')
    assert.match(String(answer.headers['www-authenticate']), /^Bearer /)
  }
  assert.equal(fake.entries.filter(e => e.kind !== 'auth.fail').length, 0)
  assert.equal(fake.sessions[0]!.state, 'live')
})

test('what policy does not allow is 403 on every decided route, recorded, and has no effect', async () => {
  await furnish()
  fake.services.decideAdmin = (_, action) => ({
    effect: 'deny',
    rules: [],
    reason: `nothing allows ${action.verb}`,
    policyDigest: 'sha256:00',
  })
  for (const [key, { path, body }] of Object.entries(valid)) {
    fake.entries.length = 0
    const answer = await ask(key.split(' ')[0]!, path, { body })
    assert.equal(answer.status, 403, key)
    assert.equal(answer.json.code, 'denied-by-policy')
    assert.equal(answer.json.check, 'default-deny')
    assert.deepEqual(
      fake.entries.map(e => [e.phase, e.effect, e.call]),
      [
        ['intent', 'deny', answer.json.requestId],
        ['outcome', 'deny', answer.json.requestId],
      ],
      key,
    )
  }
  assert.equal(fake.sessions[0]!.state, 'live')
  assert.equal(fake.documents.size, 1)
  assert.equal(fake.sessions.length, 1)
})

test('what is allowed works on every decided route, and an intent precedes an outcome', async () => {
  for (const [key, { path, body }] of Object.entries(valid)) {
    if (key === 'GET /v1/audit/tail') continue
    fake.tokens.set('alice-token', alice)
    fake.sessions.length = 0
    fake.rows.length = 0
    await furnish()
    fake.entries.length = 0
    const answer = await ask(key.split(' ')[0]!, path, { body })
    assert.ok(answer.status < 300, `${key}: ${answer.status} ${answer.text}`)
    const own = fake.entries.filter(e => e.kind === 'admin.request')
    assert.deepEqual(
      own.map(e => e.phase),
      ['intent', 'outcome'],
      key,
    )
    assert.equal(own[0]!.head.principal?.username, 'corp:alice')
    assert.equal(own[0]!.head.action?.protocol, 'admin')
    assert.ok('verbs' in access[key]! && access[key].verbs.length > 0)
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.headers['x-request-id'], own[0]!.call)
  }
  assert.deepEqual(fake.broken, [])
})

test('a log that cannot be written refuses reads and writes, and the write has no effect', async () => {
  await furnish()
  fake.logFails = true
  for (const [method, path] of [
    ['DELETE', '/v1/documents/Policy/base'],
    ['GET', '/v1/whoami'],
  ] as const) {
    const answer = await ask(method, path)
    assert.equal(answer.status, 503)
    assert.equal(answer.json.code, 'audit-unavailable')
    assert.equal(answer.headers['content-type'], 'application/problem+json')
  }
  assert.equal(fake.documents.size, 1)
})

test('a sign-in that cannot be recorded gives no token', async () => {
  fake.logFails = true
  const answer = await ask('POST', '/v1/signin/code', { token: null, body: { code: 'open-sesame' } })
  assert.equal(answer.status, 503)
  assert.equal(answer.json.token, undefined)
})

test('a log that breaks between intent and outcome: 503, and nothing of the answer leaves', async () => {
  await furnish()
  const { record } = fake.services
  fake.services.record = entry =>
    entry.phase === 'outcome' ? Promise.reject(new Error('disk full')) : record(entry)
  const answer = await ask('GET', '/v1/audit/entries')
  assert.equal(answer.status, 503)
  assert.equal(answer.json.code, 'audit-unavailable')
  assert.doesNotMatch(answer.text, /api-7f|disk full/)
})

test('one-time code: signs in once, is in no record, and guesses are slowed down', async () => {
  const first = await ask('POST', '/v1/signin/code', { token: null, body: { code: 'open-sesame' } })
  assert.equal(first.status, 200)
  assert.equal(first.json.kind, 'SignIn')
  assert.equal((await ask('GET', '/v1/whoami', { token: first.json.token })).status, 200)
  assert.deepEqual(
    fake.entries.filter(e => e.kind === 'auth.login').map(e => e.head.principal?.username),
    ['corp:alice'],
  )
  const codes: number[] = []
  for (let i = 0; i < 12; i++) {
    codes.push((await ask('POST', '/v1/signin/code', { token: null, body: { code: 'open-sesame' } })).status)
  }
  assert.deepEqual(codes, [...Array(10).fill(401), 429, 429])
  const recorded = JSON.stringify(fake.entries)
  assert.doesNotMatch(recorded, /open-sesame/)
  assert.ok(!recorded.includes(first.json.token))
  assert.equal(fake.entries.filter(e => e.kind === 'auth.fail').length, 10)
})

test('ID tokens arrive as bearer only', async () => {
  fake.idTokens.set('a.b.c', alice)
  assert.equal((await ask('POST', '/v1/signin/oidc', { token: 'a.b.c', body: {} })).status, 200)
  assert.equal((await ask('POST', '/v1/signin/oidc', { token: null, body: {} })).status, 401)
  const inBody = await ask('POST', '/v1/signin/oidc', { token: null, body: { idToken: 'a.b.c' } })
  assert.equal(inBody.status, 400)
})

test('two credentials, or one of another scheme, are refused', async () => {
  const two = await ask('GET', '/v1/whoami', {
    token: null,
    headers: { authorization: ['Bearer alice-token', 'Bearer bob-token'] },
  })
  assert.equal(two.json.code, 'credential-ambiguous')
  const basic = await ask('GET', '/v1/whoami', { token: null, headers: { authorization: 'Basic eDp5' } })
  assert.equal(basic.json.code, 'credential-invalid')
  const inUrl = await ask('GET', '/v1/whoami?access_token=alice-token', { token: null })
  assert.equal(inUrl.status, 401)
})

test('schemas are strict: unknown, missing, doubled and mistyped input names its place', async () => {
  const cases: [string, string, unknown, RegExp][] = [
    ['POST', '/v1/sessions', { connection: 'prod', extra: 1 }, /extra/],
    ['POST', '/v1/sessions', {}, /body\.connection/],
    ['POST', '/v1/sessions', { connection: 7 }, /body\.connection/],
    ['POST', '/v1/sessions', { connection: '../x' }, /body\.connection/],
    ['POST', '/v1/sessions', undefined, /body/],
    ['GET', '/v1/sessions?limit=0', undefined, /querystring\.limit/],
    ['GET', '/v1/sessions?limit=5&limit=6', undefined, /querystring\.limit/],
    ['GET', '/v1/sessions?whatever=1', undefined, /whatever/],
    ['GET', '/v1/audit/entries?since=yesterday', undefined, /querystring\.since/],
    ['POST', '/v1/agents/tokens', { agent: 'far', lifetimeSeconds: 1e9 }, /body\.lifetimeSeconds/],
  ]
  for (const [method, path, body, place] of cases) {
    const answer = await ask(method, path, { body })
    assert.equal(answer.status, 400, `${path} ${answer.text}`)
    assert.equal(answer.json.code, 'input-invalid')
    assert.match(JSON.stringify(answer.json.errors), place)
  }
  const broken = await ask('POST', '/v1/sessions', { raw: '{"connection":' })
  assert.equal(broken.json.code, 'input-invalid')
  const proto = await ask('POST', '/v1/sessions', { raw: '{"__proto__":{"x":1},"connection":"prod"}' })
  assert.equal(proto.status, 400)
  const form = await ask('POST', '/v1/sessions', {
    raw: 'connection=prod',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.equal(form.status, 415)
  const large = await ask('POST', '/v1/policy/check', { raw: `"${'x'.repeat(5 * 1024 * 1024)}"` })
  assert.equal(large.status, 413)
  assert.deepEqual(fake.broken, [])
})

test('a problem document names type, request id and the next step', async () => {
  fake.deny.add('session.list')
  const answer = await ask('GET', '/v1/sessions')
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  assert.equal(answer.json.type, '/errors#denied-by-policy')
  assert.equal(answer.json.check, 'guard/no-session.list')
  assert.equal(answer.json.next, `ask why with: sallyport why ${answer.json.requestId}`)
  assert.equal(answer.json.instance, `urn:uuid:${answer.json.requestId}`)
  const page = await ask('GET', '/errors', { token: null })
  assert.match(page.text, /<section id="denied-by-policy">/)
})

test('a held action answers with the approval that it waits for', async () => {
  fake.hold.add('policy.write')
  const answer = await ask('PUT', '/v1/documents/Policy/base', { body: policyDocument('base') })
  assert.equal(answer.status, 429)
  assert.equal(answer.json.code, 'approval-pending')
})

test("one's own sessions need a smaller right than other people's", async () => {
  await furnish()
  fake.deny = new Set(['session.list', 'session.read', 'session.end'])
  assert.equal((await ask('GET', '/v1/sessions')).status, 403)
  const mine = await ask('GET', '/v1/sessions?mine=true')
  assert.deepEqual(
    mine.json.items.map((s: { id: string }) => s.id),
    ['s-known'],
  )
  const other = await ask('DELETE', '/v1/sessions/s-known', { token: 'bob-token' })
  assert.equal(other.status, 403)
  const absent = await ask('DELETE', '/v1/sessions/s-absent', { token: 'bob-token' })
  assert.equal(absent.status, 403, 'no oracle for ids')
  assert.equal((await ask('DELETE', '/v1/sessions/s-known')).json.ended, true)
})

test('nothing that a schema does not name leaves: no digest of a credential, no internal field', async () => {
  await furnish()
  for (const path of ['/v1/whoami', '/v1/sessions', '/v1/sessions/s-known']) {
    assert.doesNotMatch((await ask('GET', path)).text, /digest-that-must-not-leave|credentialDigest/)
  }
})

test('an error of our own is `internal` without its message, and reaches the operator', async () => {
  fake.services.status = () => Promise.reject(new Error('secret path /etc/x'))
  const answer = await ask('GET', '/v1/status')
  assert.equal(answer.status, 500)
  assert.equal(answer.json.code, 'internal')
  assert.doesNotMatch(answer.text, /secret path/)
  assert.equal(fake.broken.length, 1)
  assert.equal(fake.entries.at(-1)!.head.error?.code, 'internal')
})
