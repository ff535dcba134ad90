/** Part D of the known bypasses, through the whole line: the HTTP layer, in bytes. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { CONNECTION, kube, openRig, type Rig } from './harness.ts'
import { exchangeRaw, type RawAnswer } from './raw.ts'
import { assertCleanHead } from './record.ts'
import { answerAsCluster, answerWith } from './upstream.ts'

const CONFIGMAPS = '/api/v1/namespaces/d/configmaps'
const EXEC = '/api/v1/namespaces/d/pods/p/exec?command=ls'
let rig: Rig
let admin: string
before(async () => {
  rig = await openRig()
  admin = (await rig.session('admin')).token
})
beforeEach(() => {
  rig.upstream.requests.length = 0
  rig.upstream.answer = answerAsCluster
})
after(() => rig.close())

function raw(method: string, target: string, headers: readonly string[], body = ''): Promise<RawAnswer> {
  const line = `${method} /k/${CONNECTION}${target} HTTP/1.1`
  const head = [line, 'Host: 127.0.0.1', `Authorization: Bearer ${admin}`, ...headers]
  return exchangeRaw(rig, Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1'))
}

async function refused(method: string, target: string, headers: readonly string[], body = ''): Promise<void> {
  const { statuses, closed } = await raw(method, target, headers, body)
  const what = `${method} ${target} ${headers.join(' | ')} ${JSON.stringify(body.slice(0, 80))}: ${statuses}`
  assert.ok(closed && (statuses[0] ?? 400) >= 400 && statuses.length <= 1, what)
  assert.equal(rig.upstream.requests.length, 0, `${what} reached the upstream`)
}

const write = (body: string | Buffer, headers: readonly string[] = ['content-type', 'application/json']) =>
  kube(rig, admin, 'POST', CONFIGMAPS, { headers, body })

test('D47 what only looks like an upgrade is refused, not sent on as a plain request', async () => {
  const key = ['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version: 13']
  await refused('GET', EXEC, ['Connection: keep-alive, xupgradex', 'Upgrade: websocket', ...key])
  await refused('GET', EXEC, ['Connection: upgrade', 'Upgrade: websocket, spdy/3.1', ...key])
  await refused('GET', CONFIGMAPS, ['Upgrade: websocket', ...key])
  await refused('POST', EXEC, ['Connection: Upgrade', 'Upgrade: SPDY/3.2', 'Content-Length: 0'])
})

test('D48 h2c cannot be smuggled through', async () => {
  const settings = 'HTTP2-Settings: AAMAAABkAAQAAP__'
  await refused('GET', CONFIGMAPS, ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', settings])
  await refused('GET', CONFIGMAPS, ['Upgrade: h2c', settings])
  const preface = await exchangeRaw(rig, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  assert.ok(preface.closed && preface.statuses.every(status => status === 400))
})

test('D50 a redirect of an aggregated API is neither followed nor passed on', async () => {
  rig.upstream.answer = request => answerWith(request, 302, '', { location: 'https://evil.example/steal' })
  const answer = await kube(rig, admin, 'GET', '/apis/example.dev/v1/gadgets')
  assert.equal(answer.status, 502)
  assert.equal(answer.headers.location, undefined)
  assert.ok(!answer.body.includes('evil.example'))
  assert.equal(rig.upstream.requests.length, 1)
})

test('D51 a message with two lengths, or with none that is sure, reaches nothing', async () => {
  const json = 'Content-Type: application/json'
  await refused('POST', CONFIGMAPS, [json, 'Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n')
  await refused('POST', CONFIGMAPS, [json, 'Content-Length: 2', 'Content-Length: 3'], '{}')
  await refused('POST', CONFIGMAPS, [json, 'Content-Length: 2, 2'], '{}')
  await refused('POST', CONFIGMAPS, [json, 'Content-Length: +2'], '{}')
  await refused('POST', CONFIGMAPS, [json, 'Transfer-Encoding: xchunked'], '2\r\n{}\r\n0\r\n\r\n')
  await refused('POST', CONFIGMAPS, [json, 'Transfer-Encoding: chunked, identity'], '2\r\n{}\r\n0\r\n\r\n')
  await refused('POST', CONFIGMAPS, [json, 'Transfer-Encoding : chunked'], '2\r\n{}\r\n0\r\n\r\n')
  await refused('GET', CONFIGMAPS, ['X-A: b', ' folded: c'])
  await refused('GET', CONFIGMAPS, ['Host: other.example'])
  await refused('GET', CONFIGMAPS, [json, 'Content-Length: 2'], '{}')
})

test('D52 trailers and expectations are not passed on', async () => {
  const body = '{"kind":"ConfigMap","apiVersion":"v1"}'
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Remote-User: forbidden-canary\r\n\r\n`
  const headers = [
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
    'Trailer: X-Remote-User',
    'TE: trailers',
  ]
  const { statuses } = await raw('POST', CONFIGMAPS, [...headers, 'Expect: 100-continue'], chunked)
  assert.deepEqual(statuses, [100, 201])
  assertCleanHead(rig.upstream.requests[0]!)
  assert.equal(rig.upstream.requests[0]!.body.toString(), body)
  rig.upstream.requests.length = 0
  await refused('GET', CONFIGMAPS, ['Expect: 200-maybe'])
})

test('D55 bodies that cost more than they weigh are refused before anything is sent', async () => {
  const deep = `{"kind":"ConfigMap","apiVersion":"v1","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
  assert.ok([400, 413].includes((await write(deep)).status))
  const operations = JSON.stringify(
    Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/metadata/labels/a', value: 'b' })),
  )
  const patched = await kube(rig, admin, 'PATCH', `${CONFIGMAPS}/c`, {
    headers: ['content-type', 'application/json-patch+json'],
    body: operations,
  })
  assert.ok([400, 413].includes(patched.status), String(patched.status))
  const aliases = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nkind: ConfigMap\napiVersion: v1\nc: [*b,*b,*b]\n`
  assert.ok([400, 413, 415].includes((await write(aliases, ['content-type', 'application/yaml'])).status))
  const large = Buffer.alloc(3 * 1024 * 1024 + 1, 0x20)
  assert.equal((await write(large)).status, 413)
  assert.equal(rig.upstream.requests.length, 0)
})

test('D55 a body of exactly 3 MiB passes', async () => {
  const head = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"},"data":{"k":"'
  const body = `${head}${'x'.repeat(3 * 1024 * 1024 - head.length - 3)}"}}`
  assert.equal(Buffer.byteLength(body), 3 * 1024 * 1024)
  const answer = await write(body)
  assert.equal(answer.status, 201, answer.body.toString().slice(0, 300))
  assert.equal(rig.upstream.requests[0]!.body.length, body.length)
})

test('D56 a compressed bomb, two codings and unknown codings are refused', async () => {
  const json = ['content-type', 'application/json', 'content-encoding']
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20))
  const started = performance.now()
  assert.ok([400, 413].includes((await write(bomb, [...json, 'gzip'])).status))
  assert.ok(performance.now() - started < 5_000)
  const plain = gzipSync('{"kind":"ConfigMap","apiVersion":"v1"}')
  for (const coding of ['gzip, gzip', 'br', 'zstd', 'deflate', 'x-gzip']) {
    const { status } = await write(plain, [...json, coding])
    assert.ok(status === 400 || status === 415, `${coding}: ${status}`)
  }
  assert.equal(rig.upstream.requests.length, 0)
  assert.equal((await write(plain, [...json, 'gzip'])).status, 201)
  assert.equal(rig.upstream.requests[0]!.body.toString(), '{"kind":"ConfigMap","apiVersion":"v1"}')
})

test('D56 a compressed answer that nobody asked for is not passed on', async () => {
  rig.upstream.answer = request => answerWith(request, 200, 'x', { 'content-encoding': 'gzip' })
  assert.equal((await kube(rig, admin, 'GET', CONFIGMAPS)).status, 502)
})

test('D57 Range does not reach the upstream, and a part of a document is not passed on', async () => {
  const target = '/api/v1/namespaces/d/pods/p/log'
  const headers = ['range', 'bytes=0-3', 'if-range', '"x"']
  assert.equal((await kube(rig, admin, 'GET', target, { headers })).status, 200)
  assertCleanHead(rig.upstream.requests[0]!)
  rig.upstream.answer = request => answerWith(request, 206, 'ab', { 'content-range': 'bytes 0-1/9' })
  assert.equal((await kube(rig, admin, 'GET', target, { headers })).status, 502)
})

test('D58 an object with two readings is refused: repeated keys, repeated maps, other case', async () => {
  for (const body of [
    '{"kind":"ConfigMap","apiVersion":"v1","kind":"ConfigMap"}',
    '{"kind":"ConfigMap","apiVersion":"v1","data":{"a":"1"},"data":{"b":"2"}}',
    '{"kind":"ConfigMap","apiVersion":"v1","Data":{"a":"1"}}',
    '{"kind":"ConfigMap","apiVersion":"v1","\\u006bind":"Secret"}',
  ])
    assert.equal((await write(body)).status, 400, body)
  assert.equal(rig.upstream.requests.length, 0)
})

test('D59 keys that mean something to JavaScript are only keys', async () => {
  const body =
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c","annotations":{"__proto__":"x","constructor":"y"}},"data":{"__proto__":"polluted","toString":"z"}}'
  assert.equal((await write(body)).status, 201)
  assert.equal(rig.upstream.requests[0]!.body.toString(), body)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.equal(Object.keys(Object.prototype).length, 0)
})

test('D60 a body is what its type says, or it is refused', async () => {
  const yaml = 'kind: ConfigMap\napiVersion: v1\n'
  assert.equal((await write(yaml)).status, 400)
  assert.ok([400, 415].includes((await write(yaml, ['content-type', 'text/plain'])).status))
  assert.ok([400, 415].includes((await write('{}', ['content-type', 'application/cbor'])).status))
  const twice = ['content-type', 'application/json', 'content-type', 'application/yaml']
  assert.ok([400, 415].includes((await write('{}', twice)).status))
  assert.equal(rig.upstream.requests.length, 0)
})

test('D61 bytes that are no UTF-8, NUL and look-alikes in names are refused', async () => {
  const text = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"},"data":{"a":"@"}}'
  const broken = Buffer.from(text)
  broken[broken.indexOf('@')] = 0xff
  assert.equal((await write(broken)).status, 400)
  assert.equal((await write(Buffer.from(text, 'utf16le'))).status, 400)
  assert.equal((await write(`\ufeff${text}`)).status, 400)
  for (const target of [`${CONFIGMAPS}/%E2%84%AA`, `${CONFIGMAPS}/a%00`, `${CONFIGMAPS}/%E2%80%AEx`])
    await refused('GET', target, [])
  assert.equal(rig.upstream.requests.length, 0)
})
