import assert from 'node:assert/strict'
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { closedPort, type ServedApi, serveApi } from '../api/testing/serve-api.ts'

let api: ServedApi
let user: User
let number = 0
/** Five seconds, and the start of a process on a busy machine; background.test.ts measures what it takes by itself. */
const LIMIT = 12_000

before(async () => {
  api = await serveApi()
})
after(() => api.close())

beforeEach(async () => {
  api.before = () => {}
  api.fake.sessionLifetime = 3_600_000
  api.fake.sessionIdle = 900_000
  api.fake.codes.add('open-sesame')
  // Nothing but the kubeconfig's own words says where the gateway is.
  user = createUser(api, `kube-${number++}`, { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' })
  const login = ['login', '--gateway', api.url, '--ca-file', api.caFile, '--code', 'open-sesame']
  assert.equal((await user.run(login)).code, 0)
  api.requests.length = 0
})

function execInfo(more: object = {}, interactive = false): string {
  return JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: {
      interactive,
      cluster: {
        server: `${api.url}/k/prod`,
        'certificate-authority-data': Buffer.from(api.ca).toString('base64'),
        ...more,
      },
    },
  })
}

function credential(info: string | undefined, connection = 'prod', who: User = user): Promise<Ran> {
  const args = ['credential', '--gateway', api.url, '--connection', connection]
  return who.run(args, info === undefined ? {} : { env: { KUBERNETES_EXEC_INFO: info } })
}

const opened = (): number => api.requests.filter(line => line === 'POST /v1/sessions').length

test('prints an ExecCredential whose end lies before the real one, and caches it for its owner alone', async () => {
  const before = Date.now()
  const ran = await credential(execInfo())
  assert.equal(ran.code, 0, ran.stderr)
  const { apiVersion, kind, status } = JSON.parse(ran.stdout)
  assert.deepEqual([apiVersion, kind], ['client.authentication.k8s.io/v1', 'ExecCredential'])
  assert.match(status.token, /^session-token-s-/)
  const end = Date.parse(status.expirationTimestamp)
  assert.ok(end > before && end <= api.fake.sessions[0]!.expiresAt - 59_000)
  assert.match(status.expirationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const state = join(user.home, '.local', 'state', 'sallyport')
  const [file, ...others] = globSync('gateways/*/sessions/*.json', { cwd: state })
  assert.deepEqual(others, [])
  assert.equal(statSync(join(state, file!)).mode & 0o777, 0o600)
  const again = await credential(execInfo())
  assert.equal(again.stdout, ran.stdout)
  assert.equal(opened(), 1, 'the second one did not ask the gateway')
  assert.equal(again.stderr, '')
})

test('eight kubectl processes at once open one session', async () => {
  api.before = () => new Promise(resolve => setTimeout(resolve, 300))
  const all = await Promise.all(Array.from({ length: 8 }, () => credential(execInfo())))
  assert.deepEqual(
    all.map(ran => ran.code),
    Array(8).fill(0),
    all.map(ran => ran.stderr).join(''),
  )
  assert.equal(new Set(all.map(ran => ran.stdout)).size, 1)
  assert.equal(opened(), 1)
})

test('another connection has another session', async () => {
  const [prod, staging] = [
    await credential(execInfo()),
    await credential(execInfo({ server: `${api.url}/k/staging` }), 'staging'),
  ]
  assert.notEqual(JSON.parse(prod!.stdout).status.token, JSON.parse(staging!.stdout).status.token)
  assert.equal(opened(), 2)
})

test('a session that is about to end, or may have ended for want of use, is replaced', async () => {
  api.fake.sessionLifetime = 1
  assert.equal((await credential(execInfo())).code, 0)
  api.fake.sessionLifetime = 3_600_000
  api.fake.sessionIdle = 0
  assert.equal((await credential(execInfo())).code, 0)
  assert.equal((await credential(execInfo())).code, 0)
  assert.equal(opened(), 3)
})

test('a session that was ended elsewhere is replaced when the process that was refused asks again', async () => {
  const first = await credential(execInfo())
  const session = api.fake.sessions[0]!
  await api.fake.services.sessions.end(session.id, session.principal, 'by an operator')
  const second = await credential(execInfo())
  assert.equal(second.code, 0, second.stderr)
  assert.notEqual(second.stdout, first.stdout)
  assert.equal(opened(), 2)
})

test('after logout or another sign-in the old session is not given out', async () => {
  await credential(execInfo())
  const gateway = ['--gateway', api.url, '--ca-file', api.caFile]
  assert.equal((await user.run(['logout', ...gateway])).code, 0)
  const refused = await credential(execInfo())
  assert.equal(refused.code, 3)
  assert.equal(refused.stdout, '')
  assert.ok(refused.milliseconds < LIMIT, `${refused.milliseconds} ms`)
  assert.match(refused.stderr, /sallyport login --gateway https:\/\/127\.0\.0\.1/)
  api.fake.codes.add('again')
  await user.run(['login', ...gateway, '--code', 'again'])
  assert.equal((await credential(execInfo())).code, 0)
  assert.equal(opened(), 2)
})

test('a gateway that does not answer: within 5 s, what to do, nothing on stdout', async () => {
  api.before = () => new Promise(() => {})
  const ran = await credential(execInfo())
  assert.equal(ran.code, 7)
  assert.ok(ran.milliseconds < LIMIT, `${ran.milliseconds} ms`)
  assert.equal(ran.stdout, '')
  assert.match(ran.stderr, /sallyport status/)
  api.dropConnections()
  const gone = await closedPort()
  const args = ['credential', '--gateway', gone, '--connection', 'prod']
  const env = { KUBERNETES_EXEC_INFO: execInfo({ server: `${gone}/k/prod` }), SALLYPORT_TOKEN: 'alice-token' }
  assert.equal((await user.run(args, { env })).code, 7)
})

test('the token is not given to a kubeconfig that would send it elsewhere', async () => {
  const elsewhere = await credential(execInfo({ server: 'https://evil.example/k/prod' }))
  assert.equal(elsewhere.code, 4)
  assert.match(elsewhere.stderr, /would send a token of .* to https:\/\/evil\.example/)
  const unchecked = await credential(execInfo({ 'insecure-skip-tls-verify': true }))
  assert.equal(unchecked.code, 4)
  assert.equal(elsewhere.stdout + unchecked.stdout, '')
  assert.equal(opened(), 0)
})

test('another version of the protocol, no JSON, an unknown option: usage', async () => {
  const old = await credential(execInfo().replace('k8s.io/v1', 'k8s.io/v1beta1'))
  assert.equal(old.code, 2)
  assert.match(old.stderr, /v1beta1/)
  assert.equal((await credential('{')).code, 2)
  assert.equal((await user.run(['credential', '--gateway', api.url])).code, 2)
  assert.equal((await user.run(['credential', '--token', 'x'])).code, 2)
})

test('a refusal of the gateway reaches kubectl with rule and request id', async () => {
  api.fake.deny.add('session.open')
  const ran = await credential(execInfo())
  api.fake.deny.clear()
  assert.equal(ran.code, 4)
  assert.match(ran.stderr, /by {7}guard\/no-session\.open/)
  assert.match(ran.stderr, /request {2}0190/)
})

test('with a code file the first kubectl signs in by itself, without a word in the profile', async () => {
  api.fake.codes.add('from-a-file')
  const fresh = createUser(api, 'fresh', { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' })
  const codeFile = join(api.dir, 'code')
  writeFileSync(codeFile, 'from-a-file\n')
  const state = join(api.dir, 'state-of-up')
  const args = ['credential', '--server', api.url, '--connection', 'prod', '--ca-file', api.caFile]
  const more = ['--code-file', codeFile, '--state-dir', state]
  const env = { KUBERNETES_EXEC_INFO: execInfo() }
  const all = await Promise.all([1, 2, 3].map(() => fresh.run([...args, ...more], { env })))
  assert.deepEqual(
    all.map(ran => ran.code),
    [0, 0, 0],
    all.map(ran => ran.stderr).join(''),
  )
  assert.equal(new Set(all.map(ran => ran.stdout)).size, 1)
  assert.deepEqual(globSync('.config/**', { cwd: fresh.home }), [])
  // The sign-in is ended elsewhere: the code is used up, so the next answer says what to do.
  for (const token of api.fake.tokens.keys())
    if (token.startsWith('signed-in-')) api.fake.tokens.delete(token)
  for (const file of globSync('gateways/*/sessions/*.json', { cwd: state })) {
    const path = join(state, file)
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), expiresAt: 1 }))
  }
  const ran = await fresh.run([...args, ...more], { env })
  assert.equal(ran.code, 3)
  assert.match(ran.stderr, /sallyport login/)
})
