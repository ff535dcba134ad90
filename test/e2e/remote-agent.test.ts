import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Finished, runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { type AgentProcess, startAgent, writeAgentConfig } from './agent-process.ts'
import { type Answered, call, expectStatus, openSession, signInAsAdmin } from './call.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { normalise } from './normalise.ts'
import { readUnlessGone } from './read-unless-gone.ts'
import { startUp, type Up } from './rig.ts'

let cluster: Cluster
let up: Up
let admin: string
let session: string
const agents: AgentProcess[] = []
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-remote-'))

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    const binding = ['create', 'clusterrolebinding', 'admins', '--clusterrole=cluster-admin']
    assert.equal((await runKubectl(cluster, [...binding, '--group=sallyport:admins'])).code, 0)
    const configDir = join(scratch, 'config')
    mkdirSync(configDir)
    writeFileSync(join(configDir, 'connection.yaml'), JSON.stringify(connection))
    writeFileSync(join(configDir, 'policy.yaml'), JSON.stringify(policy))
    up = await startUp({ configDir, env: { KUBECONFIG: '' } })
    admin = await signInAsAdmin(up)
    session = (await openSession(up, admin, 'far')).token
  },
  { timeout: 600_000 },
)
after(async () => {
  for (const agent of agents) await agent.end('SIGKILL')
  await up?.stop()
  await cluster?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const apiVersion = 'sallyport.dev/v1'
const connection = {
  apiVersion,
  kind: 'Connection',
  metadata: { name: 'far' },
  spec: {
    agents: ['one', 'two'],
    groupMappings: [{ group: 'local:admins', upstream: ['sallyport:admins'] }],
  },
}
const principals = { groups: ['local:admins'] }
const everything = { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] }
const policy = {
  apiVersion,
  kind: 'Policy',
  metadata: { name: 'administrators' },
  spec: {
    rules: [
      { name: 'resources', effect: 'allow', match: everything },
      { name: 'paths', effect: 'allow', match: { principals, verbs: ['*'], nonResourceURLs: ['*'] } },
      { name: 'sallyport', effect: 'allow', match: { principals, admin: { verbs: ['*'] } } },
    ],
  },
}

/** An agent of that name, over the agent's kubeconfig of the cluster. */
async function runAgent(
  name: string,
  { token, ceiling }: { token?: string; ceiling?: object } = {},
): Promise<AgentProcess> {
  const file = join(scratch, `${name}.yaml`)
  writeAgentConfig(file, {
    gateway: up.url,
    dataDir: join(scratch, name),
    connections: [{ name: 'far', credential: { kubeconfig: { path: cluster.agentKubeconfig } } }],
    ...(ceiling === undefined ? {} : { ceiling }),
  })
  const agent = await startAgent(file, token === undefined ? {} : { token })
  agents.push(agent)
  return agent
}

const tokenFor = async (agent: string): Promise<string> =>
  (await expectStatus(201, up, '/v1/agents/tokens', { method: 'POST', token: admin, body: { agent } })).json
    .token

const through = (...args: string[]): Promise<Finished> =>
  runKubectl(cluster, args, { kubeconfig: up.kubeconfig, env: { SALLYPORT_TOKEN: admin } })

const configMaps = '/k/far/api/v1/namespaces/default/configmaps'
const list = (): Promise<Answered> => call(up, configMaps, { token: session, timeout: 5_000 })

function assertUnavailable(answered: Answered): void {
  assert.equal(answered.status, 503, answered.body)
  assert.equal(answered.json.kind, 'Status')
  assert.equal(answered.json.details.causes[0].reason, 'agent-unavailable')
  assert.ok(Number(answered.headers['retry-after']) > 0)
}

let one: AgentProcess
let two: AgentProcess

test('without an agent the answer is a clear 503', async () => assertUnavailable(await list()))

test('an agent enrols with a token that is good once', async () => {
  const token = await tokenFor('one')
  one = await runAgent('one', { token })
  const listed = await expectStatus(200, up, '/v1/agents', { token: admin })
  const found = listed.json.items.find((each: { name: string }) => each.name === 'one')
  assert.deepEqual([found.connected, found.embedded, found.connections], [true, false, ['far']])
  await assert.rejects(runAgent('thief', { token }), /the agent ended with 1/)
  // Nor does an agent get far that the connection does not name.
  const other = await runAgent('other', { token: await tokenFor('other') })
  await other.end('SIGKILL')
})

test('kubectl gives the same results directly and through the remote agent', async () => {
  const manifest = join(scratch, 'palette.json')
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'palette' },
    data: { color: 'red' },
  }
  writeFileSync(manifest, JSON.stringify(object))
  const commands = [
    ['get', 'namespaces'],
    ['apply', '-f', manifest],
    ['get', 'configmap', 'palette', '-o', 'yaml'],
    ['patch', 'configmap', 'palette', '--type=merge', '-p', '{"data":{"shape":"round"}}'],
    ['describe', 'configmap', 'palette'],
    ['auth', 'can-i', 'delete', 'nodes'],
    ['get', 'configmap', 'missing'],
    ['api-resources', '-o', 'name'],
    ['delete', 'configmap', 'palette'],
  ]
  for (const command of commands) {
    const [near, far] = [await runKubectl(cluster, command), await through(...command)]
    if (command[0] === 'apply' || command[0] === 'patch') assert.equal(far.code, 0, far.stderr)
    // The second run of a change finds what the first one made: compare what only reads.
    else if (command[0] !== 'delete') {
      assert.equal(normalise(far.stdout), normalise(near.stdout), command.join(' '))
      assert.equal(normalise(far.stderr), normalise(near.stderr), command.join(' '))
      assert.equal(far.code, near.code)
    }
  }
})

test('with two agents the death of one is hardly noticed', { timeout: 60_000 }, async t => {
  two = await runAgent('two', { token: await tokenFor('two') })
  const answers: Answered[] = []
  let running = true
  const clients = Array.from({ length: 4 }, async () => {
    while (running) answers.push(await list())
  })
  while (answers.length < 20) await list()
  await one.end('SIGKILL')
  const killedAt = answers.length
  while (answers.length < killedAt + 40) await list()
  running = false
  await Promise.all(clients)
  const refused = answers.filter(each => each.status !== 200)
  t.diagnostic(`${answers.length} requests, ${refused.length} refused: ${refused.map(each => each.status)}`)
  for (const each of refused) assert.ok(each.status === 503 || each.status === 502, each.body)
  assert.ok(refused.length <= 4, 'at most what was under way in the agent')
  for (const each of answers.slice(-20)) assert.equal(each.status, 200)
})

test('without any agent under load: 503 at once, then work again when one comes back', {
  timeout: 60_000,
}, async t => {
  const answers: { readonly answered: Answered; readonly took: number }[] = []
  let running = true
  const clients = Array.from({ length: 4 }, async () => {
    while (running) {
      const began = Date.now()
      answers.push({ answered: await list(), took: Date.now() - began })
    }
  })
  while (answers.length < 10) await list()
  await two.end('SIGKILL')
  const killedAt = answers.length
  while (answers.length < killedAt + 20) await list()
  running = false
  await Promise.all(clients)
  for (const { answered } of answers.slice(-10)) assertUnavailable(answered)
  const longest = Math.max(...answers.map(each => each.took))
  t.diagnostic(`the longest answer took ${longest} ms`)
  assert.ok(longest < 4_000)
  // kubectl comes back after Retry-After, up to ten times: a person may not even notice.
  const patient = through('get', 'configmaps', '-o', 'name')

  // Its certificate is on its disk: no token is needed, and the gateway never stopped.
  one = await runAgent('one')
  assert.equal((await list()).status, 200, 'with the same session')
  assert.equal((await patient).code, 0, (await patient).stderr)
})

test('nothing of the upstream credential is in the gateway', async () => {
  const pem = readFileSync(cluster.agentKeyFile, 'utf8')
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const lines = pem.split('\n').filter(line => line.length >= 40 && !line.startsWith('-'))
  // As it stands in a file, in a kubeconfig (base64 of PEM), and as a key in memory.
  const inKubeconfig = Buffer.from(pem).toString('base64').slice(120, 180)
  const secrets = [Buffer.from(lines.at(-1)!), Buffer.from(inKubeconfig), der.subarray(-32)]
  const holds = (bytes: Buffer): boolean => secrets.some(secret => bytes.includes(secret))

  for (const file of readdirSync(up.dataDir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const path = join(file.parentPath, file.name)
    assert.ok(!holds(readUnlessGone(path)), file.name)
  }
  assert.ok(!holds(Buffer.from(up.stderr())))
  if (!existsSync('/proc/self/mem')) return
  const pid = up.processes.gateway
  assert.ok(!holds(readFileSync(`/proc/${pid}/environ`)))
  assert.ok(!holds(readFileSync(`/proc/${pid}/cmdline`)))
  assert.equal(searchMemory(pid, secrets), false)
  // The search would have found it: the agent does hold it.
  assert.equal(searchMemory(one.child.pid!, secrets), true)
})

/** Looks through all writable memory of a process (Linux). */
function searchMemory(pid: number, wanted: readonly Buffer[]): boolean {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const overlap = Math.max(...wanted.map(each => each.length))
  const window = Buffer.alloc(4 * 1024 * 1024)
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to, rights = ''] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? []
      if (from === undefined || !rights.startsWith('rw')) continue
      const end = Number.parseInt(to!, 16)
      for (let at = Number.parseInt(from, 16); at < end; at += window.length - overlap) {
        let length: number
        try {
          length = readSync(memory, window, 0, Math.min(window.length, end - at), at)
        } catch {
          // Reserved and never touched.
          continue
        }
        const part = window.subarray(0, length)
        if (wanted.some(each => part.includes(each))) return true
      }
    }
    return false
  } finally {
    closeSync(memory)
  }
}

test('the checks of a connection are made by the agent, on its side of the tunnel', async () => {
  const { json } = await expectStatus(200, up, '/v1/connections/far/checks', { token: admin })
  const checks = json.checks as { check: string; level: string; text: string }[]
  assert.ok(checks.some(c => c.check === 'reach' && c.level === 'ok'))
  assert.ok(
    checks.some(c => c.check.startsWith('session/')),
    JSON.stringify(checks),
  )
})

test("the agent's own ceiling holds whatever policy allows", async () => {
  await one.end('SIGKILL')
  one = await runAgent('one', { ceiling: { readOnly: true } })
  assert.equal((await list()).status, 200)
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'denied' } }
  const denied = await call(up, configMaps, { method: 'POST', token: session, body })
  assert.equal(denied.status, 403, denied.body)
  assert.equal(denied.json.details.causes[0].reason, 'denied-by-agent')
  assert.match(denied.json.message, /this agent only reads/)
  assert.equal((await call(up, `${configMaps}/denied`, { token: session })).status, 404)
})

test('an agent that was removed is turned away at once', async () => {
  await expectStatus(200, up, '/v1/agents/one', { method: 'DELETE', token: admin })
  assertUnavailable(await list())
})

// The last test of this file: it stops the gateway.
test(
  'every call is in both logs',
  { timeout: 60_000 },
  async t => void (await assertCrosschecked(t, cluster, up)),
)
