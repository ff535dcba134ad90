import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { type Answered, call, expectStatus, openSession, openStream, signInAsAdmin } from './call.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { sallyport, startUp, type Up } from './rig.ts'

let cluster: Cluster
let up: Up
let admin: string

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    up = await startUp({ kubeconfig: cluster.agentKubeconfig })
    admin = await signInAsAdmin(up)
    await addConnection('hasty', { idle: '2s', maximum: '1h' })
    await addConnection('brief', { maximum: '3s' })
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
})

async function addConnection(name: string, session: object): Promise<void> {
  const groupMappings = [{ group: 'local:admins', upstream: ['sallyport:admins'] }]
  const kubernetes = { kubeconfig: cluster.agentKubeconfig }
  const spec = { agents: ['embedded'], groupMappings, kubernetes, session }
  const body = { apiVersion: 'sallyport.dev/v1', kind: 'Connection', metadata: { name }, spec }
  await expectStatus(200, up, `/v1/documents/Connection/${name}`, { method: 'PUT', token: admin, body })
}

const namespaces = (connection: string): string => `/k/${connection}/api/v1/namespaces`
const list = (connection: string, token: string): Promise<Answered> =>
  call(up, namespaces(connection), { token })

async function stateOf(id: string): Promise<{ state: string; endReason?: string }> {
  return (await expectStatus(200, up, `/v1/sessions/${id}`, { token: admin })).json.session
}

function assertEnded(answered: Answered): void {
  assert.equal(answered.status, 401, answered.body)
  assert.equal(answered.json.details.causes[0].reason, 'session-ended')
  assert.match(answered.json.message, /sallyport login/)
}

/** Our own CLI against this gateway, as the local administrator. */
const run = (...args: string[]): ReturnType<typeof sallyport> =>
  sallyport([...args, '--gateway', up.url], { env: { SALLYPORT_TOKEN: admin, SALLYPORT_CA_FILE: up.caFile } })

test('the token of a session is good on its own connection only, and is no sign-in', async () => {
  const { token } = await openSession(up, admin, up.connection)
  assert.equal((await list(up.connection, token)).status, 200)
  assert.equal((await list('brief', token)).status, 401)
  assert.equal((await call(up, '/v1/sessions', { token })).status, 401)
})

test('a session that nobody uses ends; one in use does not', async () => {
  const idle = await openSession(up, admin, 'hasty')
  const used = await openSession(up, admin, 'hasty')
  for (let i = 0; i < 5; i++) {
    assert.equal((await list('hasty', used.token)).status, 200)
    await sleep(500)
  }
  assertEnded(await list('hasty', idle.token))
  assert.equal((await list('hasty', used.token)).status, 200)
})

test('at its longest time a session ends, in use or not', async () => {
  const { id, token } = await openSession(up, admin, 'brief')
  const began = Date.now()
  let answered = await list('brief', token)
  while (answered.status === 200) {
    assert.ok(Date.now() - began < 5_000, 'the session lives on')
    await sleep(100)
    answered = await list('brief', token)
  }
  assertEnded(answered)
  assert.ok(Date.now() - began >= 2_500)
  assert.equal((await stateOf(id)).state, 'expired')
})

/** The last event of a watch that was ended: no client takes it for a normal end. */
function assertTold(line: string | undefined): void {
  const { type, object } = JSON.parse(line ?? '{}')
  assert.deepEqual([type, object?.kind, object?.code], ['ERROR', 'Status', 401])
  assert.match(object.message, /session-ended/)
}

test('a watch ends with the longest time of its session', { timeout: 60_000 }, async t => {
  const { token } = await openSession(up, admin, 'brief')
  const began = Date.now()
  const watch = await openStream(up, `${namespaces('brief')}?watch=1`, { token })
  await watch.line(/"default"/)
  const { at, clean } = await watch.ended
  t.diagnostic(`the watch ended ${at - began - 3_000} ms after the session`)
  assert.ok(clean)
  assertTold(watch.lines.at(-1))
  assert.ok(at - began < 10_000)
})

test('ending a session cuts its watch at once, and no other', async t => {
  const [mine, other] = [
    await openSession(up, admin, up.connection),
    await openSession(up, admin, up.connection),
  ]
  const path = `${namespaces(up.connection)}?watch=1`
  const watch = await openStream(up, path, { token: mine.token })
  const bystander = await openStream(up, path, { token: other.token })
  await Promise.all([watch.line(/"default"/), bystander.line(/"default"/)])

  const listed = await run('session', 'list', '-o', 'json')
  assert.equal(listed.code, 0, listed.stderr)
  const ids = JSON.parse(listed.stdout).items.map((each: { id: string }) => each.id)
  assert.ok(ids.includes(mine.id) && ids.includes(other.id))

  const began = Date.now()
  const ended = await run('session', 'end', mine.id, '--reason', 'laptop lost')
  assert.equal(ended.code, 0, ended.stderr)
  assert.ok((await watch.ended).clean)
  assertTold(watch.lines.at(-1))
  t.diagnostic(`cut ${(await watch.ended).at - began} ms after the command was started`)
  assertEnded(await list(up.connection, mine.token))
  assert.equal((await list(up.connection, other.token)).status, 200)
  const { state, endReason } = await stateOf(mine.id)
  assert.equal(state, 'ended')
  assert.match(endReason ?? '', /laptop lost/)
  bystander.close()

  const again = await run('session', 'end', mine.id)
  assert.match(again.stdout, /had ended before/)
})

test('a kubeconfig that no file on the machine names is not read, whoever may write documents', async () => {
  const spec = {
    agents: ['embedded'],
    groupMappings: [{ group: 'local:admins', upstream: ['sallyport:admins'] }],
    kubernetes: { kubeconfig: '/proc/self/environ' },
  }
  const body = { apiVersion: 'sallyport.dev/v1', kind: 'Connection', metadata: { name: 'planted' }, spec }
  await expectStatus(200, up, '/v1/documents/Connection/planted', { method: 'PUT', token: admin, body })
  const { token } = await openSession(up, admin, 'planted')
  const answered = await list('planted', token)
  assert.equal(answered.status, 503, answered.body)
  // What another process writes arrives in its own time.
  for (let left = 50; left > 0 && !/planted.*named by no document/.test(up.stderr()); left--) await sleep(100)
  assert.match(up.stderr(), /planted.*named by no document/)
})

test('signing out ends the sessions that the sign-in opened', async () => {
  const { token } = await openSession(up, admin, up.connection)
  const watch = await openStream(up, `${namespaces(up.connection)}?watch=1`, { token })
  await watch.line(/"default"/)
  const out = await expectStatus(200, up, '/v1/signout', { method: 'POST', token: admin })
  assert.ok(out.json.sessionsEnded >= 1)
  assert.ok((await watch.ended).clean)
  assertTold(watch.lines.at(-1))
  assertEnded(await list(up.connection, token))
  assert.equal((await call(up, '/v1/whoami', { token: admin })).status, 401)
})

// The last test of this file: it stops the gateway.
test(
  'every call is in both logs',
  { timeout: 60_000 },
  async t => void (await assertCrosschecked(t, cluster, up)),
)
