import assert from 'node:assert/strict'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { policyDocument } from '../api/testing/fixtures.ts'
import { createUser, type Ran, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'

let api: ServedApi
let user: User
const noSetting = { SALLYPORT_GATEWAY: '', SALLYPORT_CA_FILE: '' }

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice', noSetting)
  const { port } = new URL(api.url)
  const profile = {
    current: 'near',
    gateways: {
      near: { server: api.url, caFile: api.caFile },
      far: { server: `https://localhost:${port}`, caFile: api.caFile },
    },
  }
  mkdirSync(join(user.home, '.config', 'sallyport'), { recursive: true })
  writeFileSync(join(user.home, '.config', 'sallyport', 'profile.json'), JSON.stringify(profile))
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
})
after(() => api.close())

function fine(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}

async function wins(args: string[], env: Record<string, string> = {}): Promise<[name: string, from: string]> {
  const { gateway } = JSON.parse((await user.run(['status', '-o', 'json', ...args], { env })).stdout)
  return [gateway.name, gateway.from.replace(/^.*\//, '')]
}

test('flag before SALLYPORT_* before profile, and status says which one won and from where', async () => {
  assert.deepEqual(await wins([]), ['near', 'profile.json'])
  assert.deepEqual(await wins([], { SALLYPORT_GATEWAY: 'far' }), ['far', 'SALLYPORT_GATEWAY'])
  assert.deepEqual(await wins(['--gateway', 'near'], { SALLYPORT_GATEWAY: 'far' }), ['near', '--gateway'])
  const env = { SALLYPORT_OUTPUT: 'json', SALLYPORT_STATE_DIR: join(user.home, 'elsewhere') }
  const { settings, signIn } = JSON.parse(fine(await user.run(['status'], { env })).stdout)
  const from = Object.fromEntries(settings.map((s: { name: string; from: string }) => [s.name, s.from]))
  assert.equal(from.output, 'SALLYPORT_OUTPUT')
  assert.equal(from['state-dir'], 'SALLYPORT_STATE_DIR')
  assert.equal(from['config-dir'], 'default')
  assert.match(from['ca-file'], /profile\.json$/)
  assert.equal(signIn, null, 'another state directory holds no sign-in')
  const table = fine(await user.run(['status', '-o', 'table'], { env })).stdout
  assert.match(table, /output: +table \(--output\)/)
})

test('profile list marks the one that is meant; use changes it, and says when the environment goes before', async () => {
  assert.match(fine(await user.run(['profile', 'list'])).stdout, /^\* +near +https:\S+ +corp:alice$/m)
  fine(await user.run(['profile', 'use', 'far']))
  assert.deepEqual(await wins([]), ['far', 'profile.json'])
  const before = fine(await user.run(['profile', 'use', 'near'], { env: { SALLYPORT_GATEWAY: 'far' } }))
  assert.match(before.stderr, /SALLYPORT_GATEWAY \(far\) is set and goes before/)
  const unknown = await user.run(['profile', 'use', 'neer'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /did you mean near\?/)
})

test('profile remove forgets the gateway and its tokens', async () => {
  const other = createUser(api, 'other', noSetting)
  api.fake.codes.add('other-code')
  const args = ['login', '--gateway', api.url, '--ca-file', api.caFile, '--code', 'other-code']
  fine(await other.run(args))
  const [row] = JSON.parse(fine(await other.run(['profile', 'list', '-o', 'json'])).stdout).items
  assert.match(fine(await other.run(['profile', 'remove', row.name])).stderr, /tokens deleted.*: 1$/m)
  assert.deepEqual(globSync('.local/state/sallyport/gateways/*/sign-in.json', { cwd: other.home }), [])
  assert.equal((await other.run(['whoami'])).code, 2)
})

test('logout ends the sessions, deletes every token, and says what it ended', async () => {
  const other = createUser(api, 'leaver')
  api.fake.codes.add('leaver-code')
  fine(await other.run(['login', '--code', 'leaver-code']))
  fine(await other.run(['credential', '--gateway', api.url, '--connection', 'prod']))
  fine(await other.run(['credential', '--gateway', api.url, '--connection', 'staging']))
  const answer = JSON.parse(fine(await other.run(['logout', '-o', 'json'])).stdout)
  assert.equal(answer.kind, 'ClientSignOut')
  assert.equal(answer.tokensDeleted, 3)
  assert.equal(answer.sessionsEnded, 2)
  const left = globSync('.local/state/sallyport/**/*.json', { cwd: other.home })
  assert.deepEqual(left, [])
  assert.equal((await other.run(['whoami'])).code, 3)
})

test('apply --prune deletes what the files no longer hold, and never most of it by accident', async () => {
  const dir = join(api.dir, 'pruned')
  mkdirSync(dir, { recursive: true })
  const write = (name: string): void =>
    writeFileSync(join(dir, `${name}.json`), JSON.stringify(policyDocument(name)))
  const names = ['one', 'two', 'three', 'four']
  for (const name of names) write(name)
  fine(await user.run(['apply', '-f', dir]))
  api.fake.documents.set('Policy/of-a-file', {
    kind: 'Policy',
    name: 'of-a-file',
    version: 1,
    source: 'file',
    file: 'x.yaml',
    document: { ...policyDocument('of-a-file') },
  })
  api.fake.documents.set('Connection/prod', {
    kind: 'Connection',
    name: 'prod',
    version: 1,
    source: 'api',
    document: { kind: 'Connection', metadata: { name: 'prod' } },
  })
  const only = join(dir, 'one.json')
  const refused = await user.run(['apply', '-f', only, '--prune'])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /would delete more than stays: Policy\/four, Policy\/three, Policy\/two/)
  assert.match(refused.stderr, /--prune --prune-count 3 --dry-run/)
  assert.equal(api.fake.documents.size, 6)
  assert.equal((await user.run(['apply', '-f', only, '--prune', '--prune-count', '2'])).code, 1)
  const dry = fine(await user.run(['apply', '-f', only, '--prune', '--dry-run']))
  assert.match(dry.stdout, /policy\/two deleted \(dry run\)/)
  assert.equal(api.fake.documents.size, 6)
  const few = ['apply', ...['one', 'two', 'three'].flatMap(n => ['-f', join(dir, `${n}.json`)]), '--prune']
  api.fake.deny.add('policy.delete')
  assert.equal((await user.run(few)).code, 4, 'it takes the right to delete')
  api.fake.deny.clear()
  assert.match(fine(await user.run(few)).stdout, /policy\/four deleted/)
  assert.deepEqual(
    [...api.fake.documents.keys()].sort(),
    ['Connection/prod', 'Policy/of-a-file', 'Policy/one', 'Policy/three', 'Policy/two'],
    'other kinds and documents of files stay',
  )
  fine(await user.run(['apply', '-f', only, '--prune', '--prune-count', '2']))
  assert.equal(api.fake.documents.has('Policy/two'), false)
})
