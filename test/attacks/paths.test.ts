/** Part A of the known bypasses, through the whole line: what the caller is told, what the upstream gets, what is recorded. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { CONNECTION, call, kube, openRig, type Rig } from './harness.ts'
import { exchangeRaw } from './raw.ts'
import { assertRecordedAsSent } from './record.ts'
import { answerWith } from './upstream.ts'

let rig: Rig
let admin: string
before(async () => {
  rig = await openRig()
  admin = (await rig.session('admin')).token
})
beforeEach(() => {
  rig.upstream.requests.length = 0
})
after(() => rig.close())

const PODS = '/api/v1/namespaces/d/pods'

/** Sent as bytes, since no HTTP client writes most of these. Resolves with the status of the first answer. */
async function sendRaw(line: string, headers: readonly string[] = []): Promise<number> {
  const head = [line, 'Host: 127.0.0.1', `Authorization: Bearer ${admin}`, ...headers]
  const { statuses, closed } = await exchangeRaw(rig, `${head.join('\r\n')}\r\n\r\n`)
  assert.ok(closed, `hangs: ${line}`)
  return statuses[0] ?? 0
}

async function refusedUnsent(status: number, line: string, headers: readonly string[] = []): Promise<void> {
  assert.equal(await sendRaw(line, headers), status, line)
  assert.equal(rig.upstream.requests.length, 0, `${line} reached the upstream`)
}

test('A4 no target makes the agent dial another host, whatever a URL parser would say', async () => {
  const k = `/k/${CONNECTION}`
  await refusedUnsent(400, `GET ${k}//evil.example/api/v1/secrets HTTP/1.1`)
  await refusedUnsent(400, `GET ${k}/\\evil.example/api/v1/secrets HTTP/1.1`)
  await refusedUnsent(400, `GET ${k}//@evil.example/ HTTP/1.1`)
  // Outside of a connection's prefix it is a path of our own API, which does not exist.
  await refusedUnsent(404, 'GET //evil.example/k/dev/api/v1/pods HTTP/1.1')
  // On the connection's own host name there is no prefix to hold on to.
  const own = await exchangeRaw(
    rig,
    `GET //evil.example/api/v1/secrets HTTP/1.1\r\nHost: dev.example\r\nAuthorization: Bearer ${admin}\r\n\r\n`,
  )
  assert.deepEqual(own.statuses, [400])
  assert.equal(rig.upstream.requests.length, 0)
})

test('A7 the absolute form and the asterisk reach nothing', async () => {
  for (const target of [
    'http://dev.example/api/v1/pods',
    `https://127.0.0.1/k/${CONNECTION}${PODS}`,
    '*',
    'dev.example:443',
  ]) {
    assert.ok((await sendRaw(`GET ${target} HTTP/1.1`)) >= 400, target)
    const own = await exchangeRaw(
      rig,
      `GET ${target} HTTP/1.1\r\nHost: dev.example\r\nAuthorization: Bearer ${admin}\r\n\r\n`,
    )
    assert.ok((own.statuses[0] ?? 400) >= 400, target)
  }
  assert.equal(rig.upstream.requests.length, 0)
})

test('A12 each spelling of watch is recorded as watch and sent in one spelling', async () => {
  rig.upstream.answer = request => answerWith(request, 200, {})
  for (const query of ['watch', 'watch=', 'watch=yes', '%77atch=1', 'watch=1&watch=1']) {
    const { status } = await kube(rig, admin, 'GET', `${PODS}?${query}`)
    assert.equal(status, 200, query)
  }
  assert.equal((await kube(rig, admin, 'GET', `${PODS}?watch=true&watch=false`)).status, 400)
  const verbs = rig.entries
    .filter(e => e.phase === 'intent' && e.effect === 'allow')
    .map(e => e.head.action?.verb)
  assert.deepEqual(
    verbs.filter(verb => verb !== undefined && verb !== 'session.open'),
    Array(5).fill('watch'),
  )
  for (const { target } of rig.upstream.requests) assert.match(target, /\?watch=[^&]*(&watch=1)?$/)
  assertRecordedAsSent(rig)
})

test('A16 HEAD of a Secret needs what GET of it needs', async () => {
  const { token } = await rig.session('dev')
  const target = '/api/v1/namespaces/d/secrets/s'
  for (const method of ['GET', 'HEAD']) {
    assert.equal((await kube(rig, token, method, target)).status, 403, method)
    const { head } = rig.entries.findLast(e => e.kind === 'k8s.request' && e.phase === 'intent')!
    assert.deepEqual([head.action?.verb, head.action?.risk], ['get', 'secret-read'])
  }
  assert.equal(rig.upstream.requests.length, 0)
})

test('A17 odd methods and override headers are refused', async () => {
  const k = `/k/${CONNECTION}${PODS}`
  for (const method of ['CONNECT', 'TRACE', 'OPTIONS', 'get', 'WATCH', 'PROPFIND'])
    assert.ok((await sendRaw(`${method} ${k} HTTP/1.1`)) >= 400 || method === 'CONNECT', method)
  await refusedUnsent(400, `GET ${k} HTTP/1.1`, ['X-HTTP-Method-Override: DELETE'])
  await refusedUnsent(400, `GET ${k} HTTP/1.1`, ['x-method-override: PUT'])
  assert.equal(rig.upstream.requests.length, 0)
})

test('A18 paths beside the resources are denied unless they are in the default list', async () => {
  const { token } = await rig.session('nobody')
  for (const path of [
    '/debug/pprof/heap',
    '/logs/',
    '/logs/kube-apiserver.log',
    '/metrics',
    '/configz',
    '/.well-known/openid-configuration',
    '/apis/unknown.example/v1/things',
    '/',
    '/statusz',
    '/flagz',
  ])
    assert.equal((await kube(rig, token, 'GET', path)).status, 403, path)
  assert.equal(rig.upstream.requests.length, 0)
  for (const path of ['/version', '/apis'])
    assert.equal((await kube(rig, token, 'GET', path)).status, 200, path)
  const posted = await call(rig, 'POST', `/k/${CONNECTION}/version`, {
    headers: ['authorization', `Bearer ${token}`, 'content-length', '0'],
  })
  assert.ok(posted.status >= 400)
})
