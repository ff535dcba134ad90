/** Credentials and secrets that pass through the gateway turn up nowhere but where they belong. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readUnlessGone } from '../e2e/read-unless-gone.ts'
import { CONNECTION, call, kube, openRig, type Rig, UPSTREAM_TOKEN } from './harness.ts'
import { exchangeRaw } from './raw.ts'
import { answerWith } from './upstream.ts'

const SECRET = 'canary-secret-data-41b7'
const PASSWORD = 'canary-password-in-a-body-9c02'
const STRANGER = 'canary-token-of-a-stranger-55d1'
const QUERY = 'canary-token-in-a-query-77aa'

let rig: Rig
before(async () => {
  rig = await openRig()
})
after(() => rig.close())

function* filesBelow(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path)
    else if (entry.isFile()) yield path
  }
}

test('no token, Secret or password in logs, errors, metrics, API answers, index, state, log files or arguments', async () => {
  const dev = await rig.session('dev')
  const admin = await rig.session('admin')
  const { token: signIn, code } = await rig.signIn('admin')
  const encoded = Buffer.from(SECRET).toString('base64')
  rig.upstream.answer = request => {
    if (request.target.includes('secrets')) {
      answerWith(request, 200, { kind: 'Secret', apiVersion: 'v1', data: { key: encoded } })
    } else answerWith(request, 201, { kind: 'Answer', apiVersion: 'v1' })
  }
  const answers: Buffer[] = []
  const keep = async (pending: Promise<{ status: number; body: Buffer }>): Promise<number> => {
    const { status, body } = await pending
    answers.push(body)
    return status
  }
  const json = ['content-type', 'application/json']
  const target = '/api/v1/namespaces/d/secrets'

  const read = await kube(rig, admin.token, 'GET', `${target}/s`)
  assert.equal(read.status, 200)
  answers.push(read.body)
  const secret = { kind: 'Secret', apiVersion: 'v1', metadata: { name: 's' }, stringData: { p: PASSWORD } }
  assert.equal(await keep(kube(rig, admin.token, 'PUT', `${target}/x`, { headers: json, body: '{' })), 400)
  const put = await kube(rig, admin.token, 'PUT', `${target}/s`, {
    headers: json,
    body: JSON.stringify(secret),
  })
  assert.equal(put.status, 200, put.body.toString())
  const broken = `{"kind":"Secret","kind":"Secret","apiVersion":"v1","stringData":{"p":"${PASSWORD}"}}`
  assert.equal(await keep(kube(rig, admin.token, 'POST', target, { headers: json, body: broken })), 400)
  assert.equal(await keep(kube(rig, dev.token, 'GET', target)), 403)
  assert.equal(await keep(kube(rig, STRANGER, 'GET', target)), 401)
  assert.equal(await keep(kube(rig, `${dev.token}x`, 'GET', target)), 401)
  assert.equal(
    await keep(call(rig, 'GET', '/v1/whoami', { headers: ['authorization', `Bearer ${STRANGER}`] })),
    401,
  )
  const guess = JSON.stringify({ code: STRANGER })
  const guessing = { headers: [...json, 'content-length', String(guess.length)], body: guess }
  assert.equal(await keep(call(rig, 'POST', '/v1/signin/code', guessing)), 401)
  const bytes = `GET /k/${CONNECTION}${target} HTTP/1.1\r\nAuthorization: Bearer ${dev.token}\r\nBad Header: x\r\n\r\n`
  answers.push((await exchangeRaw(rig, bytes)).bytes)
  const twice = `Authorization: Bearer ${dev.token}\r\nAuthorization: Bearer ${STRANGER}\r\n`
  answers.push(
    (await exchangeRaw(rig, `GET /k/${CONNECTION}${target} HTTP/1.1\r\nHost: a\r\n${twice}\r\n`)).bytes,
  )

  for (const path of [
    '/metrics',
    '/v1/status',
    '/v1/whoami',
    '/v1/sessions',
    '/v1/connections',
    '/v1/documents',
    '/v1/audit/entries',
    '/v1/audit/entries?limit=100&kind=auth.fail',
    `/v1/audit/entries/${String(read.headers['audit-id'])}`,
    `/v1/audit/entries/${String(put.headers['audit-id'])}`,
  ])
    assert.ok(
      (await keep(call(rig, 'GET', path, { headers: ['authorization', `Bearer ${signIn}`] }))) < 500,
      path,
    )

  const canaries = {
    'session token': dev.token,
    "admin's session token": admin.token,
    'sign-in token': signIn,
    'one-time code': code,
    'upstream credential': UPSTREAM_TOKEN,
    'Secret data': SECRET,
    'Secret data in base64': encoded,
    'password in a body': PASSWORD,
    "stranger's token": STRANGER,
  }
  await rig.gateway.log.publish()
  const searched: [where: string, bytes: Buffer][] = [
    ['the structured log', Buffer.from(rig.logged())],
    ['arguments', Buffer.from(process.argv.join('\0'))],
    ['environment', Buffer.from(Object.entries(process.env).join('\0'))],
    ...answers.map((body, i): [string, Buffer] => [`answer ${i}`, body]),
  ]
  let files = 0
  for (const path of filesBelow(rig.dataDir)) {
    files++
    searched.push([path, readUnlessGone(path)])
  }
  assert.ok(files > 8, 'the data directory was searched')
  for (const [name, canary] of Object.entries(canaries)) {
    for (const [where, content] of searched) {
      assert.ok(!content.includes(canary), `${name} in ${where}`)
    }
  }
  for (const { raw } of rig.upstream.requests) {
    for (const token of [dev.token, admin.token, signIn, code, STRANGER])
      assert.ok(!raw.includes(token), 'a credential of a caller reached the upstream')
  }
})

test('a token in the query of a stranger is not in the trail', async () => {
  const { token } = await rig.signIn('admin')
  await kube(rig, 'sps_x', 'GET', `/api/v1/namespaces/d/pods?access_token=${QUERY}`)
  const found = await call(rig, 'GET', '/v1/audit/entries?limit=100', {
    headers: ['authorization', `Bearer ${token}`],
  })
  assert.equal(found.status, 200)
  assert.ok(!found.body.includes(QUERY), 'the query of a stranger is kept as it came')
})
