import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { type AgentProcess, startAgent, writeAgentConfig } from '../e2e/agent-process.ts'
import {
  applyFor,
  bindingsOf,
  connectionDocument,
  credentialOf,
  directly,
  furnish,
  rolesIn,
  within,
  writeConfiguration,
} from '../e2e/bindings-rig.ts'
import { type Answered, call, expectStatus, openSession, signInAsAdmin } from '../e2e/call.ts'
import { startUp, type Up } from '../e2e/rig.ts'

/**
 * A binding exists only while its session lives, also after `kill -9` of gateway, agent or both: an agent of its own
 * process behind the tunnel, the rendered manifests, looked up at the API server.
 */
let cluster: Cluster
let up: Up
let admin: string
let agent: AgentProcess
const agents: AgentProcess[] = []
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-kill-bindings-'))
const configDir = join(scratch, 'config')
const dataDir = join(scratch, 'gateway')

/** The shortest that there is, and how long it may then take a sweeper to come by on a busy machine. */
const LEASE = 10_000
const SWEPT = LEASE + 20_000

const spec = {
  agents: ['far'],
  upstreamIdentity: 'session',
  serviceAccounts: { enabled: false },
  session: { lease: '10s', maximum: '1h' },
  bindings: [
    { group: 'local:admins', clusterRole: 'editor', namespaces: ['a'] },
    { group: 'local:admins', clusterRole: 'looker', clusterWide: true },
  ],
}
const held = ['editor in a', 'looker in *']

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    await furnish(cluster)
    const document = connectionDocument('far', spec)
    await applyFor(cluster, scratch, document, 'sallyport-system')
    const [session, binder] = await Promise.all(
      ['sallyport-session', 'sallyport-binder'].map(one =>
        credentialOf(cluster, scratch, 'sallyport-system', one),
      ),
    )
    writeConfiguration(configDir, document)
    up = await startUp({ configDir, dataDir, env: { KUBECONFIG: '' } })
    admin = await signInAsAdmin(up)
    writeAgentConfig(join(scratch, 'agent.yaml'), {
      gateway: up.url,
      dataDir: join(scratch, 'agent'),
      connections: [
        {
          name: 'far',
          upstreamIdentity: 'session',
          credential: { kubeconfig: { path: session!.path } },
          binder: { kubeconfig: { path: binder!.path } },
          mayBind: {
            grants: [{ clusterRole: 'editor', namespaces: ['a'] }, { clusterRole: 'looker' }],
          },
        },
      ],
    })
    const body = { agent: 'far' }
    const made = await expectStatus(201, up, '/v1/agents/tokens', { method: 'POST', token: admin, body })
    agent = await runAgent(made.json.token)
  },
  { timeout: 600_000 },
)
after(async () => {
  for (const one of agents) await one.end('SIGKILL')
  await up?.stop()
  await cluster?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

/** Also without a gateway it runs: it waits for it, and its sweeper does not. */
async function runAgent(token?: string): Promise<AgentProcess> {
  const isUp = (said: string): boolean => said.split(' connected').length > 2 || /waiting/.test(said)
  const started = await startAgent(join(scratch, 'agent.yaml'), {
    isUp,
    ...(token === undefined ? {} : { token }),
  })
  agents.push(started)
  return started
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

async function startGateway(): Promise<void> {
  const { port } = new URL(up.url)
  up = await startUp({ configDir, dataDir, listen: `127.0.0.1:${port}`, env: { KUBECONFIG: '' } })
}

const configMaps = '/k/far/api/v1/namespaces/a/configmaps'
const list = (token: string): Promise<Answered> => call(up, configMaps, { token })
const served = async (token: string): Promise<boolean> => (await list(token)).status === 200
const noneOf = async (id: string): Promise<boolean> => (await bindingsOf(cluster, id)).length === 0

async function useSession(): Promise<{ readonly id: string; readonly token: string }> {
  const opened = await openSession(up, admin, 'far')
  assert.equal((await list(opened.token)).status, 200)
  assert.deepEqual(rolesIn(await bindingsOf(cluster, opened.id)), held)
  return opened
}

test('while it is used the rights are renewed without a gap; when it is not they end, and come back', {
  timeout: 180_000,
}, async t => {
  const { id, token } = await useSession()
  const first = (await bindingsOf(cluster, id)).map(one => one.metadata.uid)
  const until = Date.now() + 2.5 * LEASE
  let requests = 0
  while (Date.now() < until) {
    assert.equal((await list(token)).status, 200)
    requests++
    await new Promise(resolve => setTimeout(resolve, 250))
  }
  t.diagnostic(`${requests} requests without a gap`)
  const renewed = (await bindingsOf(cluster, id)).map(one => one.metadata.uid)
  assert.ok(renewed.length >= 2 && renewed.every(uid => !first.includes(uid)), 'others than at the start')
  t.diagnostic(`unused and gone after ${await within(SWEPT, () => noneOf(id), 'unused rights end')} ms`)
  assert.equal((await list(token)).status, 200, 'the session lives on and gets them back')
  assert.deepEqual(rolesIn(await bindingsOf(cluster, id)), held)
})

test('kill -9 of the gateway: the agent takes the rights away by itself', { timeout: 180_000 }, async t => {
  const { id, token } = await useSession()
  await kill(up.child)
  t.diagnostic(`gone after ${await within(SWEPT, () => noneOf(id), 'swept without a gateway')} ms`)
  await startGateway()
  await within(60_000, () => served(token), 'the session lives on')
  assert.deepEqual(rolesIn(await bindingsOf(cluster, id)), held)
  await expectStatus(200, up, `/v1/sessions/${id}`, { method: 'DELETE', token: admin })
  await within(10_000, () => noneOf(id), 'gone with the session')
})

test('kill -9 of the agent: what it left goes when it is back, at once for sessions that ended', {
  timeout: 180_000,
}, async t => {
  const [ended, unused] = [await useSession(), await useSession()]
  await agent.end('SIGKILL')
  await expectStatus(200, up, `/v1/sessions/${ended.id}`, { method: 'DELETE', token: admin })
  assert.equal((await list(unused.token)).status, 503)
  assert.equal((await bindingsOf(cluster, ended.id)).length, 2, 'nobody else could delete them')
  agent = await runAgent()
  t.diagnostic(`ended: gone after ${await within(SWEPT, () => noneOf(ended.id), 'the ended one')} ms`)
  t.diagnostic(`unused: gone after ${await within(SWEPT, () => noneOf(unused.id), 'the unused one')} ms`)
})

test('kill -9 of both: the agent alone takes the rights away when it is back', {
  timeout: 180_000,
}, async t => {
  const { id, token } = await useSession()
  await Promise.all([agent.end('SIGKILL'), kill(up.child)])
  agent = await runAgent()
  t.diagnostic(`gone after ${await within(SWEPT, () => noneOf(id), 'swept without a gateway')} ms`)
  await startGateway()
  await within(60_000, () => served(token), 'the session lives on')
  assert.deepEqual(rolesIn(await bindingsOf(cluster, id)), held)
})

test('kill -9 of the agent amid the making of bindings leaves nothing for longer than the lease', {
  timeout: 240_000,
}, async t => {
  for (const wait of [5, 20, 40, 80]) {
    await within(60_000, async () => served((await openSession(up, admin, 'far')).token), 'ready')
    const openings = Array.from({ length: 5 }, () => openSession(up, admin, 'far').catch(() => undefined))
    await new Promise(resolve => setTimeout(resolve, wait))
    await agent.end('SIGKILL')
    await Promise.all(openings)
    agent = await runAgent()
  }
  // Nobody uses any of them.
  const none = async (): Promise<boolean> => (await bindingsOf(cluster)).length === 0
  t.diagnostic(`none after ${await within(SWEPT, none, 'nothing is left')} ms`)
})

test('a foreign binding with our labels stands through all of it', async () => {
  const name = ['create', 'rolebinding', 'foreign', '-n', 'a', '--clusterrole=editor', '--user=alice']
  await directly(cluster, ...name)
  const labels = ['app.kubernetes.io/managed-by=sallyport', `sallyport.dev/session=s-${'a'.repeat(26)}`]
  await directly(cluster, 'label', 'rolebinding', 'foreign', '-n', 'a', ...labels)
  const { id } = await useSession()
  await expectStatus(200, up, `/v1/sessions/${id}`, { method: 'DELETE', token: admin })
  await within(10_000, () => noneOf(id), 'gone')
  await within(SWEPT, async () => (await bindingsOf(cluster)).length === 1, 'all but the foreign one')
})
