import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import type { Fake } from './testing/fake-services.ts'
import { policyDocument, rowOf } from './testing/fixtures.ts'
import { type Answer, createRig, type Rig } from './testing/http-rig.ts'

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

test('lists page with an opaque cursor until it is null', async () => {
  for (let i = 0; i < 5; i++) fake.rows.push(rowOf(`call-${i}`, `pod-${i}`))
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const answer: Answer = await ask(
      'GET',
      `/v1/audit/entries?limit=2${cursor === '' ? '' : `&continue=${cursor}`}`,
    )
    for (const item of answer.json.items) seen.push(item.call)
    cursor = answer.json.metadata.continue
  }
  assert.deepEqual(seen, ['call-0', 'call-1', 'call-2', 'call-3', 'call-4'])
})

test('rows read as sentences, and sealed bodies stay sealed', async () => {
  fake.rows.push(rowOf('call-1', 'api-7f'))
  const list = await ask('GET', '/v1/audit/entries')
  assert.equal(list.json.items[0].sentence, 'corp:alice · delete pod api-7f · shop/prod · allowed')
  const shown = await ask('GET', '/v1/audit/entries/call-1')
  assert.deepEqual(
    shown.json.bodies.map((b: { sealed: boolean; text?: string }) => [b.sealed, b.text]),
    [
      [false, '{}'],
      [true, undefined],
    ],
  )
})

test('tail streams lines as they come, and its end is recorded', async () => {
  const req = request({
    port: rig.port,
    host: '127.0.0.1',
    path: '/v1/audit/tail',
    headers: { authorization: 'Bearer alice-token' },
  })
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  assert.equal(res.headers['content-type'], 'application/x-ndjson')
  let text = ''
  res.setEncoding('utf8')
  res.on('error', () => {})
  res.on('data', (chunk: string) => {
    text += chunk
    if (!text.includes('api-7f') && text.includes('\n')) fake.push(rowOf('call-1', 'api-7f'))
    if (text.includes('api-7f')) req.destroy()
  })
  await new Promise<void>(resolve => res.on('close', () => resolve()))
  const lines = text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.equal(lines[0].kind, 'Heartbeat')
  assert.equal(lines.at(-1).entry.sentence, 'corp:alice · delete pod api-7f · shop/prod · allowed')
  while (fake.entries.at(-1)?.phase !== 'outcome') await new Promise(setImmediate)
  assert.equal(fake.entries.at(-1)!.head.result?.ended, 'aborted-by-caller')
})

test('closing the API ends open tails', async () => {
  const answer = ask('GET', '/v1/audit/tail')
  while (!fake.entries.some(e => e.phase === 'intent')) await new Promise(setImmediate)
  await rig.api.close()
  assert.match((await answer).text, /Heartbeat/)
})

test('documents: create, conflict, diff, dry run, broken lines, unknown kind', async () => {
  const put = await ask('PUT', '/v1/documents/Policy/new?version=0', { body: policyDocument('new') })
  assert.equal(put.status, 200, put.text)
  assert.deepEqual([put.json.changes[0].change, put.json.changes[0].version], ['create', 1])
  assert.match(put.json.changes[0].diff, /^--- \/dev\/null\n\+\+\+ Policy\/new\n@@ -0,0 \+1,/)
  const again = await ask('PUT', '/v1/documents/Policy/new?version=0', { body: policyDocument('new') })
  assert.equal(again.json.code, 'conflict')
  const text = JSON.stringify(policyDocument('new', { note: 'x' }))
  const dry = await ask('POST', '/v1/documents/apply', {
    body: { dryRun: true, sources: [{ file: 'a.json', text }] },
  })
  assert.equal(dry.json.changes[0].change, 'update')
  assert.match(dry.json.changes[0].diff, /\n\+ {4}"note": "x"/)
  assert.equal(fake.documents.get('Policy/new')!.version, 1)
  const broken = await ask('POST', '/v1/documents/apply', {
    body: { sources: [{ file: 'a.yaml', text: 'BROKEN' }] },
  })
  assert.equal(broken.status, 422)
  assert.deepEqual(broken.json.errors, [{ at: 'a.yaml:2:5', message: 'spec.rules[0]: is broken' }])
  assert.equal((await ask('GET', '/v1/documents/Nothing/x')).status, 404)
  const renamed = await ask('PUT', '/v1/documents/Policy/other', { body: policyDocument('new') })
  assert.equal(renamed.status, 400)
})

test('apply asks for the right on each document; a dry run asks to read only', async () => {
  fake.deny = new Set(['connection.write'])
  const text = JSON.stringify({ ...policyDocument('c'), kind: 'Connection' })
  const sources = [
    { file: 'a.json', text: JSON.stringify(policyDocument('p')) },
    { file: 'b.json', text },
  ]
  const refused = await ask('POST', '/v1/documents/apply', { body: { sources } })
  assert.equal(refused.status, 403)
  assert.match(refused.json.detail, /connection\.write on connections\/c/)
  assert.equal(fake.documents.size, 0)
  assert.equal((await ask('POST', '/v1/documents/apply', { body: { sources, dryRun: true } })).status, 200)
})

test('enrolment is judged by its own credential', async () => {
  const body = { certificateRequest: 'PEM' }
  assert.equal((await ask('POST', '/v1/agents/enrol', { token: 'enrol-me-once', body })).status, 200)
  assert.equal((await ask('POST', '/v1/agents/enrol', { token: 'wrong', body })).status, 401)
  assert.equal((await ask('POST', '/v1/agents/renew', { token: null, body })).status, 401)
})

test('probes need no credential and name what fails', async () => {
  assert.equal((await ask('GET', '/livez', { token: null })).text, 'ok')
  assert.equal((await ask('GET', '/readyz', { token: null })).text, 'ok')
  const verbose = await ask('GET', '/readyz?verbose', { token: null })
  assert.equal(verbose.text, '[+]log ok\n[+]store ok\ncheck passed\n')
  fake.ready = false
  const failing = await ask('GET', '/readyz', { token: null })
  assert.equal(failing.status, 503)
  assert.match(failing.text, /\[-\]log failed: sealed/)
  assert.equal((await ask('GET', '/livez', { token: null })).status, 200)
  assert.equal(fake.entries.length, 0, 'probes fill no log')
})

test('metrics carry the route template, never an id', async () => {
  await ask('GET', '/v1/sessions/s-unheard-of')
  const metrics = await ask('GET', '/metrics')
  assert.match(metrics.text, /route="GET \/v1\/sessions\/:id",status="404"/)
  assert.doesNotMatch(metrics.text, /unheard/)
})

test('unknown paths and methods are problems, not stack traces', async () => {
  for (const [method, path] of [
    ['GET', '/v1/nothing'],
    ['POST', '/v1/whoami'],
    ['GET', '/v1/whoami/'],
    ['GET', '/V1/whoami'],
    ['GET', '/v1/sessions/%zz'],
  ] as const) {
    const answer = await ask(method, path)
    assert.ok(answer.status === 404 || answer.status === 400, `${path} ${answer.status}`)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    assert.match(answer.json.requestId, /^0190/)
  }
  assert.deepEqual(fake.broken, [])
})

test('the description is OpenAPI 3.1 with each operation answered and secured', async () => {
  const { json } = await ask('GET', '/openapi.json', { token: null })
  assert.equal(json.openapi, '3.1.0')
  const open = json.paths['/v1/signin/code'].post
  assert.deepEqual(open.security, [])
  const post = json.paths['/v1/sessions'].post
  assert.deepEqual(post.security, [{ token: [] }])
  const body = post.requestBody.content['application/json'].schema
  assert.equal(body.additionalProperties, false)
  assert.deepEqual(body.required, ['connection'])
  assert.ok(post.responses['201'].content['application/json'].schema.properties.token)
  assert.ok(post.responses.default.content['application/problem+json'])
  const ids = Object.values(json.paths as Record<string, Record<string, { operationId: string }>>).flatMap(
    p => Object.values(p).map(o => o.operationId),
  )
  assert.equal(new Set(ids).size, ids.length)
})

test('the same routes answer over HTTP/2', async () => {
  const h2 = createHttp2Server((req, res) => rig.api.handle(req, res))
  h2.listen(0, '127.0.0.1')
  await once(h2, 'listening')
  const session = connect(`http://127.0.0.1:${(h2.address() as AddressInfo).port}`)
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/v1/sessions',
      authorization: 'Bearer alice-token',
      'content-type': 'application/json',
    })
    stream.end(JSON.stringify({ connection: 'prod' }))
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], 201)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    assert.equal(JSON.parse(Buffer.concat(chunks).toString()).session.connection, 'prod')
  } finally {
    session.close()
    h2.close()
  }
})
