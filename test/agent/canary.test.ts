import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { type AgentProcess, startAgent, writeAgentConfig } from '../e2e/agent-process.ts'
import { call, expectStatus, openSession, openStream, signInAsAdmin } from '../e2e/call.ts'
import { startUp, type Up } from '../e2e/rig.ts'
import { formsOf, found, scanDirectory, scanMemory } from './scan.ts'

/**
 * Credentials that nobody has ever seen are planted in the kubeconfigs of a separate agent. After real traffic they
 * are in the agent's memory, and nowhere in the gateway. The other way round for a caller's token.
 */
const canary = `canary-${randomBytes(24).toString('hex')}`
/** The API server does not know this one: errors must not carry it either. */
const unknown = `unknown-${randomBytes(24).toString('hex')}`
/** Something that the gateway must hold, to know that the scan sees its memory. */
const control = `control-${randomBytes(16).toString('hex')}`

let cluster: Cluster
let up: Up
let agent: AgentProcess
let gatewayOutput = ''
let keyForm: string
let admin: string
let caller: string
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-canary-'))
const apiVersion = 'sallyport.dev/v1'
const connections = ['by-token', 'by-key', 'by-nothing']

before(
  async () => {
    cluster = await startCluster({
      nodes: [],
      controllerManager: false,
      staticTokens: [{ token: canary, user: 'agent', groups: ['system:masters'] }],
    })
    const bind = [
      'create',
      'clusterrolebinding',
      'admins',
      '--clusterrole=cluster-admin',
      '--group=sallyport:admins',
    ]
    assert.equal((await runKubectl(cluster, bind)).code, 0)
    const configDir = join(scratch, 'config')
    mkdirSync(configDir)
    for (const name of connections) {
      const spec = {
        agents: ['far'],
        groupMappings: [{ group: 'local:admins', upstream: ['sallyport:admins'] }],
      }
      writeFileSync(
        join(configDir, `${name}.yaml`),
        JSON.stringify({ apiVersion, kind: 'Connection', metadata: { name }, spec }),
      )
    }
    writeFileSync(join(configDir, 'policy.yaml'), JSON.stringify(policy))
    up = await startUp({ configDir, env: { KUBECONFIG: '' }, args: ['--log-level', 'debug'] })
    up.child.stdout!.on('data', chunk => {
      gatewayOutput += chunk
    })
    admin = await signInAsAdmin(up)
    await startRemote()
  },
  { timeout: 600_000 },
)
after(async () => {
  await agent?.end('SIGKILL')
  await up?.stop()
  await cluster?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const principals = { groups: ['local:admins'] }
const everything = { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] }
const policy = {
  apiVersion,
  kind: 'Policy',
  metadata: { name: 'administrators' },
  spec: {
    rules: [
      { name: control, effect: 'allow', match: everything },
      { name: 'paths', effect: 'allow', match: { principals, verbs: ['*'], nonResourceURLs: ['*'] } },
      { name: 'sallyport', effect: 'allow', match: { principals, admin: { verbs: ['*'] } } },
    ],
  },
}

/** An agent process with one kubeconfig for each connection. */
async function startRemote(): Promise<void> {
  const ca = readFileSync(cluster.caFile, 'utf8')
  const user = cluster.clientCertificate('agent', ['system:masters'])
  // As the agent holds it: the text between the lines of the PEM.
  keyForm = user.key.split('\n').find(line => line.length >= 40 && !line.startsWith('-'))!
  const users = [{ token: canary }, user, { token: unknown }]
  const served = connections.map((name, i) => {
    const path = join(scratch, `${name}.kubeconfig`)
    writeKubeconfig(path, { server: cluster.url, ca, user: users[i]! })
    return { name, credential: { kubeconfig: { path } } }
  })
  const file = join(scratch, 'agent.yaml')
  writeAgentConfig(file, { gateway: up.url, dataDir: join(scratch, 'agent'), connections: served })
  const made = await expectStatus(201, up, '/v1/agents/tokens', {
    method: 'POST',
    token: admin,
    body: { agent: 'far' },
  })
  agent = await startAgent(file, { token: made.json.token })
}

test('real traffic over three credentials: reads, writes, a watch, kubectl, errors', {
  timeout: 120_000,
}, async () => {
  for (const connection of connections.slice(0, 2)) {
    const session = await openSession(up, admin, connection)
    caller = session.token
    const at = `/k/${connection}/api/v1/namespaces/default/configmaps`
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: connection }, data: { a: 'b' } }
    await expectStatus(201, up, at, { method: 'POST', token: caller, body })
    const watch = await openStream(up, `${at}?watch=true`, { token: caller })
    await watch.line(new RegExp(connection))
    watch.close()
    for (let i = 0; i < 30; i++) await expectStatus(200, up, `${at}/${connection}`, { token: caller })
    await expectStatus(404, up, `${at}/missing`, { token: caller })
    await expectStatus(200, up, `${at}/${connection}`, { method: 'DELETE', token: caller })
    await expectStatus(200, up, `/k/${connection}/openapi/v3`, { token: caller })
  }
  const kubectl = await runKubectl(cluster, ['get', 'secrets', '-A'], {
    kubeconfig: up.kubeconfig,
    env: { SALLYPORT_TOKEN: admin },
  })
  assert.equal(kubectl.code, 0, kubectl.stderr)
  // The credential is refused upstream; the caller learns that, and not which credential it was.
  const broken = await openSession(up, admin, 'by-nothing')
  const refused = await call(up, '/k/by-nothing/api/v1/namespaces', { token: broken.token })
  assert.ok(refused.status >= 500, `${refused.status}`)
  assert.deepEqual(found(Buffer.from(refused.body), formsOf(unknown)), [])
})

test('the upstream credentials are in no file and no output of the gateway', () => {
  for (const secret of [canary, unknown, keyForm]) {
    const forms = formsOf(secret)
    assert.deepEqual(scanDirectory(up.dataDir, forms), [])
    assert.deepEqual(found(Buffer.from(up.stderr() + gatewayOutput), forms), [])
    assert.deepEqual(found(Buffer.from(agent.said()), forms), [], 'nor does the agent print them')
  }
  // The same scan finds what is there: the address of the gateway, which is in a kubeconfig.
  assert.notDeepEqual(scanDirectory(up.dataDir, formsOf(up.url)), [])
})

test("a caller's token is in no file and no output, neither of the gateway nor of the agent", () => {
  for (const token of [caller, admin]) {
    const forms = formsOf(token)
    assert.deepEqual(scanDirectory(up.dataDir, forms), [])
    assert.deepEqual(scanDirectory(join(scratch, 'agent'), forms), [])
    assert.deepEqual(found(Buffer.from(up.stderr() + gatewayOutput + agent.said()), forms), [])
  }
})

test('memory (Linux): the credentials are in the agent and not in the gateway, callers not in the agent', {
  timeout: 300_000,
}, t => {
  // Elsewhere no process may look into another one this way; the rows above hold everywhere.
  if (!existsSync('/proc/self/mem')) return t.diagnostic('no /proc here')
  const upstream = [...formsOf(canary, 'canary'), ...formsOf(unknown, 'unknown'), ...formsOf(keyForm, 'key')]
  const gateway = scanMemory(up.processes.gateway, [...upstream, ...formsOf(control, 'control')])
  assert.ok(gateway.found.includes('control clear'), 'what the gateway must hold is found')
  assert.deepEqual(
    gateway.found.filter(name => !name.startsWith('control')),
    [],
  )
  const callers = [...formsOf(caller, 'caller'), ...formsOf(admin, 'admin')]
  const held = scanMemory(agent.child.pid!, [...upstream, ...callers]).found
  for (const name of ['canary clear', 'unknown clear', 'key clear']) assert.ok(held.includes(name), name)
  assert.deepEqual(
    held.filter(name => /^(caller|admin)/.test(name)),
    [],
  )
  for (const file of ['environ', 'cmdline']) {
    const text = readFileSync(`/proc/${up.processes.gateway}/${file}`)
    assert.deepEqual(found(text, upstream), [])
  }
  t.diagnostic(`${(gateway.bytes / 1e6).toFixed(0)} MB of the gateway were searched`)
})
