import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { alice, policyDocument, rowOf } from '../api/testing/fixtures.ts'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { closedPort, type ServedApi, serveApi } from '../api/testing/serve-api.ts'

let api: ServedApi
let user: User

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice')
  const signedIn = await user.run(['login', '--code', 'open-sesame'])
  assert.equal(signedIn.code, 0, signedIn.stderr)
})
after(() => api.close())

function fine(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}

test('audit show prints facts, the shown body and says that the other is sealed', async () => {
  api.fake.rows.length = 0
  api.fake.rows.push(rowOf('call-1', 'api-7f'))
  const { stdout } = fine(await user.run(['audit', 'show', '--last']))
  assert.match(stdout, /^What: +corp:alice · delete pod api-7f · shop\/prod · allowed$/m)
  assert.match(stdout, /^Leaves: +4 intent, 5 outcome$/m)
  assert.match(stdout, /Answer body, application\/json, 2 bytes\n {2}\{\}/)
  assert.match(stdout, /Request body, application\/json, 99 bytes: sealed/)
  const json = JSON.parse(fine(await user.run(['audit', 'show', 'call-1', '-o', 'json'])).stdout)
  assert.equal(json.kind, 'AuditEntry')
  assert.equal((await user.run(['audit', 'show'])).code, 2)
})

test('audit tail prints rows as they come and ends well on an interrupt', async () => {
  const ran = await user.run(['audit', 'tail', '-o', 'json'], {
    onStderr: text => {
      if (text.includes('waiting')) api.fake.push(rowOf('call-9', 'late'))
    },
    onStdout: (_, kill) => kill(),
  })
  fine(ran)
  const line = JSON.parse(ran.stdout)
  assert.equal(line.kind, 'AuditEntry')
  assert.equal(line.entry.call, 'call-9')
})

test('status says which configuration won', async () => {
  const bySetting = fine(await user.run(['status'])).stdout
  assert.match(bySetting, /chosen by SALLYPORT_GATEWAY/)
  assert.match(bySetting, /Signed in: +corp:alice, until/)
  const byFlag = JSON.parse(fine(await user.run(['status', '--gateway', api.url, '-o', 'json'])).stdout)
  assert.equal(byFlag.gateway.from, '--gateway')
  assert.equal(byFlag.status.log.size, 12)
  const byProfile = await user.run(['status', '-o', 'json'], { env: { SALLYPORT_GATEWAY: '' } })
  assert.match(JSON.parse(fine(byProfile).stdout).gateway.from, /profile\.json$/)
  const away = await user.run(['status', '--gateway', await closedPort()])
  assert.equal(away.code, 7)
  assert.match(away.stdout, /chosen by --gateway/, 'what is known is shown all the same')
})

test('documents: apply, diff, get, delete', async () => {
  const dir = join(api.dir, 'documents')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'base.json'), JSON.stringify(policyDocument('base')))
  const dry = fine(await user.run(['apply', '-f', dir, '--dry-run']))
  assert.match(dry.stdout, /^policy\/base created \(dry run\)\n--- \/dev\/null/)
  assert.equal(fine(await user.run(['apply', '-f', dir])).stdout, 'policy/base created\n')
  assert.equal(fine(await user.run(['apply', '-f', dir])).stdout, 'policy/base unchanged\n')
  const piped = JSON.stringify(policyDocument('base', { note: 'x' }))
  const diff = await user.run(['diff', '-f', '-', '--exit-code'], { stdin: piped })
  assert.equal(diff.code, 1)
  assert.match(diff.stdout, /\n\+ {4}"note": "x"/)
  assert.match(fine(await user.run(['get', 'policies'])).stdout, /Policy {2}base {2}1 {8}api/)
  assert.match(
    fine(await user.run(['get', 'policy', 'base', '-o', 'yaml'])).stdout,
    /^apiVersion: sallyport\.dev\/v1\nkind: Policy\n/,
  )
  const unknown = await user.run(['get', 'polices'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /did you mean polic(y|ies)\?/)
  const broken = await user.run(['apply', '-f', '-'], { stdin: 'BROKEN' })
  assert.equal(broken.code, 1)
  assert.match(broken.stderr, /at {7}standard input:2:5: spec\.rules\[0\]: is broken/)
  assert.equal(fine(await user.run(['delete', 'policy', 'base'])).stdout, 'policy/base deleted\n')
})

test('connection add prints the document first and applies it only when told so', async () => {
  const args = ['connection', 'add', 'dev', '--agent', 'far', '--map', 'corp:engineers=sallyport:edit']
  const ran = fine(await user.run(args))
  assert.match(ran.stdout, /^apiVersion: sallyport\.dev\/v1\nkind: Connection\nmetadata:\n {2}name: dev\n/)
  assert.match(ran.stderr, /nothing was applied/)
  assert.equal(api.fake.documents.size, 0)
  assert.equal(
    (await user.run(['connection', 'add', 'dev'])).code,
    2,
    'the embedded agent needs a credential',
  )
})

test('connection doctor prints each step with its cure, and its exit code is for scripts', async () => {
  const good = fine(await user.run(['connection', 'doctor', 'prod', '-o', 'json']))
  assert.equal(JSON.parse(good.stdout).kind, 'ConnectionReport')
  const bad = await user.run(['connection', 'doctor', 'staging'])
  assert.equal(bad.code, 1)
  assert.match(bad.stdout, /^failed {3}reach {2}v1\.36\.3\n {9}cure: look$/m)
  assert.equal((await user.run(['connection', 'doctor', 'absent'])).code, 1)
  api.fake.deny.add('connection.check')
  assert.equal((await user.run(['connection', 'doctor', 'prod'])).code, 4)
  api.fake.deny.clear()
})

test('revoke says what was cut, and asks for issuer and subject', async () => {
  api.fake.sessions.length = 0
  await api.fake.services.sessions.open(alice, 'prod', { address: '', port: 0, userAgent: '' })
  const wrong = await user.run(['revoke', 'principal', 'corp:alice'])
  assert.equal(wrong.code, 2)
  const ran = fine(await user.run(['revoke', 'principal', alice.issuer, alice.subject, '--reason', 'left']))
  assert.match(ran.stdout, /revoked principal id-of-alice of https:\/\/issuer\.test; sessions ended: 1/)
})

test('agent token prints the token alone, so that it can be piped', async () => {
  const ran = fine(await user.run(['agent', 'token', 'far']))
  assert.equal(ran.stdout, 'enrol-me-once\n')
  assert.match(ran.stderr, /once, until/)
})

test('why explains a recorded call and an imagined one', async () => {
  api.fake.rows.length = 0
  api.fake.rows.push(rowOf('call-1', 'api-7f'))
  assert.match(fine(await user.run(['why', 'call-1'])).stdout, /Decision: +allow/)
  const imagined = fine(await user.run(['why', 'delete', 'pods/api-7f', '-n', 'shop', '-c', 'prod']))
  assert.match(imagined.stdout, /Decision: +deny/)
  assert.match(
    imagined.stdout,
    /Passes: +when a rule covers it; the nearest one is base\/all: needs verbs delete/,
  )
  assert.match(imagined.stdout, /Note: +judged without a body/)
})

test('a broken profile is an error that names the file, never a silent other gateway', async () => {
  const broken = createUser(api, 'broken', { SALLYPORT_GATEWAY: '' })
  const dir = join(broken.home, '.config', 'sallyport')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'profile.json'), '{')
  const ran = await broken.run(['whoami'])
  assert.equal(ran.code, 2)
  assert.match(ran.stderr, /profile\.json is not JSON/)
})
