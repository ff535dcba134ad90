/** Part C of the known bypasses, through the whole line: as whom the upstream sees a request. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { API_VERSION } from '../../src/brand.ts'
import { CONNECTION, call, kube, openRig, type Rig, UPSTREAM_TOKEN, until } from './harness.ts'
import { exchangeRaw, openSocket } from './raw.ts'
import { assertCleanHead, assertRecordedAsSent } from './record.ts'
import { answerAsCluster, answerWith, headersOf, type UpstreamRequest } from './upstream.ts'

const PODS = '/api/v1/namespaces/d/pods'
let rig: Rig
let dev: string
let admin: string
before(async () => {
  rig = await openRig()
  dev = (await rig.session('dev')).token
  admin = (await rig.session('admin')).token
})
beforeEach(() => {
  rig.upstream.requests.length = 0
  rig.upstream.answer = answerAsCluster
})
after(() => rig.close())

const only = (): UpstreamRequest => {
  assert.equal(rig.upstream.requests.length, 1)
  return rig.upstream.requests[0]!
}

async function rawStatus(headers: readonly string[], target = PODS): Promise<number | undefined> {
  const head = [`GET /k/${CONNECTION}${target} HTTP/1.1`, 'Host: 127.0.0.1', ...headers]
  const { statuses, closed } = await exchangeRaw(rig, `${head.join('\r\n')}\r\n\r\n`)
  assert.ok(closed)
  return statuses[0]
}

test('C35 impersonation is denied even to whoever may do everything, in any spelling', async () => {
  const spellings = [
    ['Impersonate-User', 'system:admin'],
    ['iMPERSONATE-uSER', 'root'],
    ['Impersonate-Group', 'system:masters'],
    ['Impersonate_User', 'root'],
    ['Impersonate-Uid', '1'],
    ['Impersonate-Extra-scopes', 'all'],
    ['Impersonate-Something-New', 'x'],
  ] as const
  for (const header of spellings) {
    const { status } = await kube(rig, admin, 'GET', PODS, { headers: header })
    assert.ok(status === 403 || status === 400, `${header}: ${status}`)
  }
  assert.equal(rig.upstream.requests.length, 0)
  const asked = rig.entries.filter(e => e.phase === 'intent' && e.head.action?.impersonate !== undefined)
  assert.ok(asked.length >= 1, 'both identities are recorded')
})

test('C36 a Connection header takes no identity away', async () => {
  const names = 'Impersonate-User, Authorization, Audit-ID, Impersonate-Group'
  const status = await rawStatus([`Authorization: Bearer ${dev}`, `Connection: ${names}`])
  if (status === 200) {
    assertCleanHead(only())
    assert.deepEqual(headersOf(only(), 'impersonate-user'), ['sallyport:local:dev'])
  } else {
    assert.equal(status, 400)
    assert.equal(rig.upstream.requests.length, 0)
  }
})

test('C37 what a front proxy would assert goes no further', async () => {
  const headers = [
    'X-Remote-User',
    'X-Remote-Group',
    'X-Remote-Extra-a',
    'X-Forwarded-For',
    'X-Forwarded-Client-Cert',
  ]
  const more = [
    'Forwarded',
    'X-Client-Cert',
    'Cookie',
    'X-Real-Ip',
    'Proxy-Authorization',
    'X-Amz-Security-Token',
  ]
  const { status } = await kube(rig, dev, 'GET', PODS, {
    headers: [...headers, ...more].flatMap(name => [name, 'forbidden-canary']),
  })
  assert.equal(status, 200)
  assertCleanHead(only())
  assert.ok(!only().raw.includes('forbidden-canary'))
})

test('C38 an empty, broken or foreign token is nobody, never the gateway itself', async () => {
  const bad = ['', ' ', 'x', 'null', 'undefined', 'sps_', 'sps_x', 'eyJhbGciOiJub25lIn0.e30.', UPSTREAM_TOKEN]
  for (const token of bad) assert.equal(await rawStatus([`Authorization: Bearer ${token}`]), 401, token)
  assert.equal(await rawStatus([]), 401)
  const { token: spl } = await rig.signIn('dev')
  assert.equal((await kube(rig, spl, 'GET', PODS)).status, 401)
  assert.ok(rig.upstream.requests.every(request => !request.target.startsWith(PODS)))
})

test('C39 one credential in one place', async () => {
  const good = `Authorization: Bearer ${dev}`
  const protocol = `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${Buffer.from(dev).toString('base64url')}, v4.channel.k8s.io`
  const refused = [
    [good, good],
    [good, 'authorization: Bearer other'],
    [`Authorization: Bearer\t${dev}`],
    [`Authorization: Bearer  ${dev}`],
    [`Authorization: Basic ${dev}`],
    [`Authorization: Bearer ${dev}, Bearer other`],
    [good, protocol],
  ]
  for (const headers of refused) assert.equal(await rawStatus(headers), 401, headers.join(' | '))
  assert.equal(rig.upstream.requests.length, 0)
  assert.equal(await rawStatus([`authorization: bearer ${dev}`]), 200)
})

test("C40 the caller's credential is not what the upstream gets, and a query cannot carry one", async () => {
  await kube(rig, dev, 'GET', PODS)
  assert.deepEqual(headersOf(only(), 'authorization'), [`Bearer ${UPSTREAM_TOKEN}`])
  assert.ok(!only().raw.includes(dev))
  assert.equal(await rawStatus([], `${PODS}?access_token=${dev}`), 401)
})

test('C41 a question about oneself is asked as the caller, not as the gateway', async () => {
  const review = { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' }
  const { status } = await kube(rig, dev, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    headers: ['content-type', 'application/json'],
    body: JSON.stringify(review),
  })
  assert.equal(status, 201)
  assert.deepEqual(headersOf(only(), 'impersonate-user'), ['sallyport:local:dev'])
  // The question about others is not one about oneself.
  for (const [path, kind] of [
    ['/apis/authorization.k8s.io/v1/subjectaccessreviews', 'SubjectAccessReview'],
    ['/apis/authentication.k8s.io/v1/tokenreviews', 'TokenReview'],
  ]) {
    const body = JSON.stringify({ kind, apiVersion: path!.split('/').slice(2, 4).join('/'), spec: {} })
    const answer = await kube(rig, dev, 'POST', path!, {
      headers: ['content-type', 'application/json'],
      body,
    })
    assert.equal(answer.status, 403, answer.body.toString())
  }
  assert.equal(rig.upstream.requests.length, 1)
})

test('C43 opening and ending a session puts nothing on the upstream that could stay there', async () => {
  const session = await rig.session('dev')
  await kube(rig, session.token, 'GET', PODS)
  const ended = await call(rig, 'DELETE', `/v1/sessions/${session.id}`, {
    headers: ['authorization', `Bearer ${session.signIn}`],
  })
  assert.equal(ended.status, 200)
  assert.equal((await kube(rig, session.token, 'GET', PODS)).status, 401)
  assert.deepEqual(
    rig.upstream.requests.map(({ method, target }) => [method, target]),
    [['GET', PODS]],
  )
})

test('C44 a watch ends with its session, and its connection upstream with it', async () => {
  const session = await rig.session('dev')
  const socket = await openSocket(rig)
  let received = ''
  socket.on('data', data => {
    received += data
  })
  socket.write(
    `GET /k/${CONNECTION}${PODS}?watch=true HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${session.token}\r\n\r\n`,
  )
  await until(() => received.includes('BOOKMARK'), 'the watch begins')
  await call(rig, 'DELETE', `/v1/sessions/${session.id}`, {
    headers: ['authorization', `Bearer ${session.signIn}`],
  })
  await until(() => received.endsWith('0\r\n\r\n') && rig.agent.inFlight === 0, 'the watch ends')
  socket.destroy()
  const last = received.split(/\r?\n/).findLast(line => line.startsWith('{'))!
  assert.deepEqual([JSON.parse(last).type, JSON.parse(last).object.code], ['ERROR', 401], 'it says why')
  const outcome = rig.entries.findLast(e => e.kind === 'k8s.request' && e.phase === 'outcome')!
  assert.equal(outcome.head.result?.ended, 'cut')
})

test('C45 calls of two people over the same upstream connections keep their identities apart', async () => {
  const tokens = [dev, admin]
  await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      kube(rig, tokens[i % 2]!, 'GET', `${PODS}/${i % 2 === 0 ? 'dev' : 'admin'}-${i}`),
    ),
  )
  assert.equal(rig.upstream.requests.length, 60)
  for (const request of rig.upstream.requests) {
    const name = /\/(dev|admin)-\d+$/.exec(request.target)![1]
    assert.deepEqual(headersOf(request, 'impersonate-user'), [`sallyport:local:${name}`])
    assert.deepEqual(headersOf(request, 'impersonate-group'), name === 'admin' ? ['sallyport:admins'] : [])
  }
  assertRecordedAsSent(rig)
})

test('C46 no decision outlives the policy that made it', async () => {
  const target = '/api/v1/namespaces/frozen/configmaps'
  assert.equal((await kube(rig, dev, 'GET', target)).status, 200)
  const { token } = await rig.signIn('admin')
  const policy = {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: 'freeze' },
    spec: { rules: [{ name: 'all', effect: 'deny', match: { namespaces: ['frozen'] } }] },
  }
  const body = JSON.stringify(policy)
  const put = await call(rig, 'PUT', '/v1/documents/Policy/freeze', {
    headers: [
      ...['authorization', `Bearer ${token}`, 'content-type', 'application/json'],
      ...['content-length', String(body.length)],
    ],
    body,
  })
  assert.ok(put.status < 300, put.body.toString())
  assert.equal((await kube(rig, dev, 'GET', target)).status, 403)
  assert.equal(rig.upstream.requests.length, 1)
})

test("C42 the groups that reach the upstream are the mapping's, never names of the system", async () => {
  rig.upstream.answer = request => answerWith(request, 200, {})
  await kube(rig, admin, 'GET', PODS)
  assert.deepEqual(headersOf(only(), 'impersonate-group'), ['sallyport:admins'])
  assert.doesNotMatch(only().raw.toString(), /system:/)
})
