/** Answers that the gateway refuses: the caller gets a 502, and the log all that the cluster said, sealed. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { AuditDetailDocument } from '../../src/api/schema/audit.ts'
import type { Revelation } from '../../src/api/schema/reveals.ts'
import { createUser } from '../../src/api/testing/run-cli.ts'
import type { ServedApi } from '../../src/api/testing/serve-api.ts'
import { scratch } from '../../src/audit/testing/calls.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { putLocalUser } from '../../src/identity/local/users.ts'
import { call, kube, openRig, type Rig, until } from '../attacks/harness.ts'
import { beginStream, chunk, type UpstreamRequest } from '../attacks/upstream.ts'

const SECRET = ['hunter', 'two', 'x9Zq'].join('-')
const PODS = '/api/v1/namespaces/shop/pods'
const REASON = 'what did the cluster answer here'

let rig: Rig
let token: string
const people = new Map<string, string>()
before(async () => {
  rig = await openRig({ limits: { unreadable: 2 * 1024 * 1024, unreadableTime: 1_500 } })
  for (const name of ['ann', 'ben', 'owner']) {
    await putLocalUser(rig.gateway.store, { name, groups: ['admins'] })
    people.set(name, (await rig.signIn(name)).token)
  }
  token = (await rig.session('owner')).token
})
const leftovers: (() => unknown)[] = []
after(async () => {
  await rig.close()
  for (const undo of leftovers) await undo()
})

function answer(request: UpstreamRequest, type: string | null, body: Buffer, more: readonly string[] = []) {
  const lines = [...(type === null ? [] : [`content-type: ${type}`]), ...more]
  request.socket.write(
    `HTTP/1.1 200 OK\r\n${lines.map(line => `${line}\r\n`).join('')}content-length: ${body.length}\r\n\r\n`,
  )
  request.socket.write(body)
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the API answers.
async function ask(who: string, method: string, path: string, value?: object): Promise<any> {
  const body = JSON.stringify(value ?? {})
  const sent =
    method === 'GET' ? [] : ['content-type', 'application/json', 'content-length', String(body.length)]
  const got = await call(rig, method, path, {
    headers: ['authorization', `Bearer ${people.get(who)}`, ...sent],
    ...(method === 'GET' ? {} : { body }),
  })
  return JSON.parse(got.body.toString())
}

async function show(id: string): Promise<AuditDetailDocument> {
  await until(() => rig.entries.some(one => one.call === id && one.phase === 'outcome'), 'the outcome')
  return await ask('ann', 'GET', `/v1/audit/entries/${id}`)
}

/** The bytes of the one body that a reveal by two persons opens. */
async function opened(id: string): Promise<{ readonly mediaType: string; readonly bytes: Buffer }> {
  const asked = await ask('ann', 'POST', '/v1/reveals', {
    scope: { call: id },
    reason: REASON,
    ticket: 'T-1',
  })
  const { id: reveal } = asked.reveal
  await ask('ben', 'POST', `/v1/reveals/${reveal}/approve`, { minutes: 5 })
  const { revealed } = (await ask('ann', 'POST', `/v1/reveals/${reveal}/open`)) as Revelation
  assert.deepEqual(
    revealed.bodies.map(one => [one.side, one.state, one.restored]),
    [['response', 'open', false]],
  )
  const { mediaType, text, base64 } = revealed.bodies[0]!
  return { mediaType, bytes: text === undefined ? Buffer.from(base64!, 'base64') : Buffer.from(text) }
}

async function assertGreen(): Promise<void> {
  await rig.gateway.log.publish()
  await rig.gateway.log.flush()
  const undo: (() => unknown)[] = []
  const copy = scratch({ after: one => undo.push(one) })
  const log = join(rig.dataDir, 'log')
  cpSync(log, copy, { recursive: true })
  const { vkey } = rig.gateway.log
  const report = verifyLog({ directory: copy, vkey, live: true, keyFile: join(log, 'secrets', 'kek') })
  for (const one of undo) await one()
  assert.deepEqual(
    report.checks.filter(one => one.status === 'failed').map(one => [one.name, one.places]),
    [],
  )
}

const idOf = (got: { readonly headers: Readonly<Record<string, string | string[] | undefined>> }) =>
  String(got.headers['audit-id'])
const outcomeOf = (id: string) => rig.entries.find(one => one.call === id && one.phase === 'outcome')!
const framesOf = (id: string) => rig.entries.filter(one => one.call === id && one.phase === 'frame').length

const SECRET_TEXT = `{"kind":"Secret","data":{"password":"${SECRET}"}}`
const PROTOBUF = Buffer.concat([Buffer.from('k8s\0'), Buffer.from(SECRET_TEXT), randomBytes(40)])

describe('an answer that its head refuses', () => {
  for (const [what, check, type, body, more] of [
    [
      'protobuf that was not asked for',
      'answer-content-type',
      'application/vnd.kubernetes.protobuf',
      PROTOBUF,
    ],
    ['a type that nobody knows', 'answer-content-type', 'application/x-own', Buffer.from(SECRET_TEXT)],
    ['no type', 'answer-content-type', null, Buffer.from(SECRET_TEXT)],
    [
      'a coding that was not asked for',
      'answer-content-encoding',
      'application/json',
      gzipSync(SECRET_TEXT),
      ['content-encoding: gzip'],
    ],
    [
      'two types',
      'answer-content-type',
      'application/json',
      Buffer.from(SECRET_TEXT),
      ['content-type: text/plain'],
    ],
  ] as const) {
    test(`by ${what}: 502 for the caller, sealed in the log, opened by two persons only`, async () => {
      rig.upstream.answer = request => answer(request, type, body, more)
      const got = await kube(rig, token, 'GET', `${PODS}/one`)
      assert.equal(got.status, 502)
      assert.equal(JSON.parse(got.body.toString()).kind, 'Status')
      assert.ok(!got.body.includes(SECRET))
      const id = idOf(got)
      const detail = await show(id)
      const shown = detail.bodies.find(one => one.side === 'response')!
      assert.deepEqual([shown.sealed, shown.bytes, shown.text], [true, body.length, undefined])
      assert.ok(!JSON.stringify(detail).includes(SECRET))
      const { head, response } = outcomeOf(id)
      assert.equal(head.error?.check, check)
      assert.equal(response?.keyClass, 'sealed')
      const { sealed, headers } = head.facts as { sealed: string; headers: string[] }
      assert.equal(sealed, 'whole')
      if (type !== null) assert.equal(headers[headers.indexOf('content-type') + 1], type)
      const { mediaType, bytes } = await opened(id)
      assert.equal(mediaType, type ?? '')
      assert.deepEqual(bytes, body)
      await assertGreen()
    })
  }

  test('a long one goes into the log in pieces, and is opened as one', async () => {
    const body = randomBytes(900 * 1024)
    rig.upstream.answer = request => answer(request, 'application/zip', body)
    const got = await kube(rig, token, 'GET', `${PODS}/long`)
    assert.equal(got.status, 502)
    const id = idOf(got)
    const detail = await show(id)
    assert.deepEqual(
      detail.bodies.map(one => [one.side, one.sealed, one.bytes]),
      [['response', true, body.length]],
    )
    assert.ok(framesOf(id) > 1, 'no piece is larger than a frame')
    assert.ok((await opened(id)).bytes.equals(body))
    await assertGreen()
  })

  test('one without an end, and one above the limit: their beginning is kept, and the record says so', async () => {
    rig.upstream.answer = request => {
      beginStream(request, 'application/vnd.kubernetes.protobuf;stream=watch')
      chunk(request, SECRET_TEXT)
    }
    const endless = await kube(rig, token, 'GET', `${PODS}?watch=true`)
    assert.equal(endless.status, 502)
    assert.equal(outcomeOf(idOf(endless)).head.facts?.sealed, 'beginning')
    assert.equal((await opened(idOf(endless))).bytes.toString(), SECRET_TEXT)
    const body = randomBytes(6 * 1024 * 1024)
    rig.upstream.answer = request => answer(request, 'application/zip', body)
    const large = await kube(rig, token, 'GET', `${PODS}/large`)
    assert.equal(large.status, 502)
    await show(idOf(large))
    assert.equal(outcomeOf(idOf(large)).head.facts?.sealed, 'beginning')
    const { bytes } = await opened(idOf(large))
    assert.ok(bytes.length >= 2 * 1024 * 1024 && bytes.length < 4 * 1024 * 1024, String(bytes.length))
    assert.ok(body.subarray(0, bytes.length).equals(bytes))
    await assertGreen()
  })

  test('one that breaks off: what came is kept', async () => {
    rig.upstream.answer = request => {
      beginStream(request, 'application/x-own')
      chunk(request, SECRET_TEXT)
      setTimeout(() => request.socket.destroy(), 50)
    }
    const got = await kube(rig, token, 'GET', `${PODS}/broken`)
    assert.equal(got.status, 502)
    assert.equal((await opened(idOf(got))).bytes.toString(), SECRET_TEXT)
    await assertGreen()
  })
})

describe('an answer that cannot be read from some place on', () => {
  test('is kept from its first byte, with what comes behind that place', async () => {
    const body = Buffer.from(
      `{"kind":"Secret","data":{"password":"${SECRET}" oops }, "tail":"${'x'.repeat(2000)}"}`,
    )
    rig.upstream.answer = request => {
      request.socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
      )
      request.socket.write(body.subarray(0, 80))
      setTimeout(() => request.socket.write(body.subarray(80)), 30)
    }
    const got = await kube(rig, token, 'GET', '/api/v1/namespaces/shop/secrets/s')
    assert.equal(got.status, 502)
    assert.ok(!got.body.includes(SECRET))
    const id = idOf(got)
    assert.equal((await show(id)).bodies[0]!.sealed, true)
    const { mediaType, bytes } = await opened(id)
    assert.equal(mediaType, 'application/json')
    assert.equal(bytes.toString(), body.toString())
    await assertGreen()
  })

  test('of a list of which a part has left: what did not leave is kept, the originals of it too', async () => {
    const item = (number: number) =>
      `{"kind":"Secret","metadata":{"name":"s-${number}"},"data":{"password":"${Buffer.from(`${SECRET}-${number}`).toString('base64')}"}}`
    const items = Array.from({ length: 9000 }, (_, number) => item(number))
    const good = `{"kind":"SecretList","apiVersion":"v1","metadata":{},"items":[${items.join(',')}`
    const body = Buffer.from(`${good},{"kind":"Secret" broken, "data":{"password":"${SECRET}"}}]}`)
    // The cluster goes on to what is broken only when a part has left: what waits in the gateway would else not leave at all.
    const part = Promise.withResolvers<void>()
    rig.upstream.answer = async request => {
      request.socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
      )
      request.socket.write(body.subarray(0, good.length))
      await part.promise
      request.socket.write(body.subarray(good.length))
    }
    const got = await kube(rig, token, 'GET', '/api/v1/namespaces/shop/secrets', {
      began: part.resolve,
    }).catch(error => error)
    assert.ok(got instanceof Error, 'the answer is cut, not ended')
    await until(
      () =>
        rig.entries.some(
          one =>
            one.phase === 'outcome' &&
            one.head.error?.check === 'answer-unreadable' &&
            one.head.result?.bytesOut !== 0,
        ),
      'the outcome',
    )
    const id = rig.entries.findLast(one => one.phase === 'outcome' && one.head.error !== undefined)!.call
    const left = outcomeOf(id).head.result!.bytesOut
    assert.ok(left > 0)
    assert.equal((await show(id)).bodies[0]!.sealed, true)
    const asked = await ask('ann', 'POST', '/v1/reveals', {
      scope: { call: id },
      reason: REASON,
      ticket: 'T',
    })
    await ask('ben', 'POST', `/v1/reveals/${asked.reveal.id}/approve`, { minutes: 5 })
    const { revealed } = (await ask('ann', 'POST', `/v1/reveals/${asked.reveal.id}/open`)) as Revelation
    assert.ok(revealed.bodies[0]!.text === body.toString(), 'all of it is opened, as the cluster sent it')
    await assertGreen()
  })
})

test('of the head that was refused the trail shows no secret', async () => {
  rig.upstream.answer = request =>
    answer(request, 'application/x-own', Buffer.from('x'), [`set-cookie: session_token=${SECRET}; path=/`])
  const got = await kube(rig, token, 'GET', `${PODS}/cookie`)
  const detail = JSON.stringify(await show(idOf(got)))
  assert.match(detail, /set-cookie/)
  assert.ok(!detail.includes(SECRET))
})

test('audit show says that it is sealed, and when only its beginning was kept', async () => {
  const dir = scratch({ after: one => leftovers.push(one) })
  const caFile = join(dir, 'ca.pem')
  writeFileSync(caFile, rig.ca)
  const ann = createUser({ dir, url: `https://127.0.0.1:${rig.port}`, caFile } as ServedApi, 'ann')
  const { code } = await rig.gateway.codes.issue('ann', 600_000)
  assert.equal((await ann.run(['login', '--code', code])).code, 0)
  rig.upstream.answer = request => answer(request, 'application/x-own', Buffer.from(SECRET_TEXT))
  const whole = await ann.run(['audit', 'show', idOf(await kube(rig, token, 'GET', `${PODS}/whole`))])
  assert.match(whole.stdout, /^Answer body, no media type, \d+ bytes: sealed$/m)
  assert.match(whole.stdout, /upstream-answer-refused · answer-content-type/)
  rig.upstream.answer = request => {
    beginStream(request, 'application/x-own')
    chunk(request, SECRET_TEXT)
    setTimeout(() => request.socket.destroy(), 50)
  }
  const part = await ann.run(['audit', 'show', idOf(await kube(rig, token, 'GET', `${PODS}/part`))])
  assert.match(part.stdout, /^Answer body, no media type, \d+ bytes: sealed \(its beginning\)$/m)
  assert.ok(!(whole.stdout + part.stdout).includes(SECRET))
})

test('a connection that keeps no bodies keeps none of these', async () => {
  const bare = await openRig({ capture: 'metadata', limits: { unreadableTime: 30_000 } })
  try {
    bare.upstream.answer = request => beginStream(request, 'application/x-own')
    const session = await bare.session('dev')
    const began = performance.now()
    const got = await kube(bare, session.token, 'GET', `${PODS}/one`)
    assert.equal(got.status, 502)
    assert.ok(performance.now() - began < 15_000, 'nobody waits for what is not kept')
    assert.ok(bare.entries.every(one => one.call !== idOf(got) || one.response === undefined))
  } finally {
    await bare.close()
  }
})
