import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { call, expectStatus, openSession, signInAsAdmin } from './call.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { type Ran, runProgram, sallyport, startUp, type Up } from './rig.ts'

/** What an unchanged kubectl is told beside its answers: warnings, whoami, can-i. */
let cluster: Cluster
let up: Up
let admin: string

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    up = await startUp({ kubeconfig: cluster.agentKubeconfig })
    admin = await signInAsAdmin(up)
    const mapped = [{ group: 'local:admins', upstream: ['sallyport:admins'] }]
    await put('Connection', 'bare', {
      kubernetes: { kubeconfig: cluster.agentKubeconfig },
      agents: ['embedded'],
    })
    for (const [name, more] of Object.entries({
      silent: { warnings: 'off', session: { maximum: '5m' } },
      brief: { session: { maximum: '5m' } },
    })) {
      const kubernetes = { kubeconfig: cluster.agentKubeconfig }
      await put('Connection', name, { agents: ['embedded'], kubernetes, groupMappings: mapped, ...more })
    }
    const match = {
      principals: { groups: ['local:admins'] },
      verbs: ['delete'],
      apiGroups: [''],
      resources: ['namespaces'],
    }
    const held = { ...match, namespaces: ['default'], resources: ['configmaps'] }
    await put('Policy', 'guard', {
      rules: [
        { name: 'no-namespace-deletes', effect: 'deny', match },
        { name: 'ask-first', effect: 'hold', match: held },
        {
          name: 'not-this-one',
          effect: 'deny',
          match: { ...match, namespaces: ['kube-node-lease'], verbs: ['patch'] },
        },
      ],
    })
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
})

async function put(kind: string, name: string, spec: object): Promise<void> {
  const body = { apiVersion: 'sallyport.dev/v1', kind, metadata: { name }, spec }
  await expectStatus(200, up, `/v1/documents/${kind}/${name}`, { method: 'PUT', token: admin, body })
}

function kubectl(connection: string, token: string, ...args: string[]): Promise<Ran> {
  const to = ['--server', `${up.url}/k/${connection}`, '--certificate-authority', up.caFile]
  // Its cache of discovery lies in the home directory.
  const env = { HOME: cluster.dir }
  return runProgram(cluster.kubectl, ['--kubeconfig', '/dev/null', ...to, '--token', token, ...args], { env })
}

const ours = (ran: Ran): string[] =>
  ran.stderr.split('\n').filter(line => line.startsWith('Warning: sallyport:'))

test('can-i says no where policy does, and names the rule', async () => {
  const { token } = await openSession(up, admin, up.connection)
  const no = await kubectl(up.connection, token, 'auth', 'can-i', 'delete', 'namespaces')
  assert.equal(no.code, 1, no.stderr)
  assert.match(no.stdout, /^no - sallyport: denied by policy \[guard\/no-namespace-deletes\]/)
  for (const question of [
    ['get', 'pods'],
    ['create', 'deployments.apps'],
    ['get', '/version'],
  ]) {
    const yes = await kubectl(up.connection, token, 'auth', 'can-i', ...question)
    assert.equal(yes.stdout, 'yes\n', yes.stderr)
  }
  const held = await kubectl(up.connection, token, 'auth', 'can-i', 'delete', 'configmaps')
  assert.equal(held.stdout, 'yes\n')
  assert.match(held.stderr, /Warning: sallyport: requires approval \[guard\/ask-first\]/)
  // A Namespace is in itself, whatever namespace kubectl asks in.
  const itself = await kubectl(up.connection, token, 'auth', 'can-i', 'patch', 'namespaces/kube-node-lease')
  assert.match(itself.stdout, /^no - sallyport: denied by policy \[guard\/not-this-one\]/)
  const labelled = await kubectl(up.connection, token, 'label', 'namespace', 'kube-node-lease', 'a=b')
  assert.match(labelled.stderr, /guard\/not-this-one/)
  const created = await kubectl(up.connection, token, 'create', 'configmap', 'asked')
  assert.equal(created.code, 0, created.stderr)
  const path = `/k/${up.connection}/api/v1/namespaces/default/configmaps/asked?timeout=1s`
  const asked = await call(up, path, { method: 'DELETE', token })
  assert.equal(asked.status, 429)
  assert.match(asked.json.message, /guard\/ask-first/)
  const really = await kubectl(up.connection, token, 'delete', 'namespace', 'default')
  assert.match(really.stderr, /guard\/no-namespace-deletes/)
})

test('can-i says no where the cluster does: both have to agree', async () => {
  const { token } = await openSession(up, admin, 'bare')
  const ran = await kubectl('bare', token, 'auth', 'can-i', 'get', 'pods')
  assert.equal(ran.code, 1)
  assert.match(ran.stdout, /^no/)
  assert.doesNotMatch(ran.stdout, /sallyport: denied/)
})

test('can-i --list and * say what they leave out', async () => {
  const { token } = await openSession(up, admin, up.connection)
  const list = await kubectl(up.connection, token, 'auth', 'can-i', '--list')
  assert.equal(list.code, 0, list.stderr)
  assert.match(
    list.stderr,
    /list may be incomplete: sallyport: .*guard\/no-namespace-deletes takes some of it away/,
  )
  const all = await kubectl(up.connection, token, 'auth', 'can-i', '*', '*')
  assert.match(all.stderr, /Warning: sallyport: asked with \*/)
})

test('whoami prints whom the cluster sees, and beside it who that is here', async () => {
  const { id, token } = await openSession(up, admin, up.connection)
  const ran = await kubectl(up.connection, token, 'auth', 'whoami')
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stdout, /^Username +sallyport:/m)
  assert.equal(ours(ran).length, 1)
  assert.match(ours(ran)[0]!, new RegExp(`you are local:admin .*session ${id} on `))
})

test('a refusal of the cluster is told from one of ours, at most two warnings, once a session', async () => {
  const { token } = await openSession(up, admin, 'bare')
  const ran = await kubectl('bare', token, 'get', '--raw', '/api/v1/namespaces/default/pods')
  assert.match(ran.stderr, /forbidden/i)
  assert.equal(ours(ran).length, 2, ran.stderr)
  assert.match(ran.stderr, /local-administrators\/resources allows this; it is the RBAC of the cluster/)
  assert.match(ran.stderr, /mean nothing to this cluster \(no groupMapping\): .*local:admins/)
  const again = await kubectl('bare', token, 'get', '--raw', '/api/v1/namespaces/default/pods')
  assert.deepEqual(ours(again), [])
})

test('a session that is about to end says when; with warnings off only the cluster is heard', async () => {
  const { token } = await openSession(up, admin, 'brief')
  const first = await kubectl('brief', token, 'get', 'componentstatuses')
  assert.match(first.stderr, /Warning: sallyport: this session ends at \d\d:\d\d UTC/)
  assert.match(first.stderr, /Warning: v1 ComponentStatus is deprecated/)
  assert.deepEqual(ours(await kubectl('brief', token, 'get', 'namespaces')), [])
  const silent = await openSession(up, admin, 'silent')
  const ran = await kubectl('silent', silent.token, 'get', 'componentstatuses')
  assert.deepEqual(ours(ran), [])
  assert.match(ran.stderr, /Warning: v1 ComponentStatus is deprecated/)
  const strict = await kubectl('silent', silent.token, 'get', 'namespaces', '--warnings-as-errors')
  assert.equal(strict.code, 0, strict.stderr)
})

function why(...words: string[]): Promise<Ran> {
  const env = { SALLYPORT_TOKEN: admin, SALLYPORT_CA_FILE: up.caFile, SALLYPORT_GATEWAY: up.url }
  return sallyport(['why', ...words], { env })
}

test('why, by the id in the error of kubectl and by the action: same decision, same rule, what would make it pass', async () => {
  const { token } = await openSession(up, admin, up.connection)
  const refused = await kubectl(up.connection, token, 'delete', 'namespace', 'kube-public')
  assert.equal(refused.code, 1)
  const id = /sallyport why (\S+?)[;,.)\]]?(?:\s|$)/.exec(refused.stderr)?.[1]
  assert.ok(id, refused.stderr)
  for (const words of [[id], ['delete', 'namespaces/kube-public', '-c', up.connection]]) {
    const { code, stdout } = await why(...words, '-o', 'json')
    assert.equal(code, 0)
    const answer = JSON.parse(stdout)
    assert.deepEqual([answer.effect, answer.rules], ['deny', ['guard/no-namespace-deletes']])
    const told = (await why(...words)).stdout
    assert.match(told, /^By: +guard\/no-namespace-deletes$/m)
    assert.match(told, /^Passes: +when guard\/no-namespace-deletes is not about it$/m)
    assert.match(told, /^ {2}covers {2}allow {2}local-administrators\//m)
  }
  assert.match(
    (await why(id)).stdout,
    /^What: +local:admin · delete namespace kube-public · .* · denied by guard/m,
  )
})

test('why of what the cluster refused: policy allowed it, and that is said', async () => {
  const { token } = await openSession(up, admin, 'bare')
  const refused = await call(up, '/k/bare/api/v1/namespaces/default/secrets', { token })
  assert.equal(refused.status, 403)
  const id = String(refused.headers['audit-id'])
  const answer = JSON.parse((await why(id, '-o', 'json')).stdout)
  assert.equal(answer.effect, 'allow')
  assert.deepEqual(answer.rules, ['local-administrators/resources'])
  assert.match((await why(id)).stdout, /403/)
  assert.equal((await why('0198c0de-0000-7000-8000-000000000000')).code, 1)
})

interface Report {
  readonly ok: boolean
  readonly checks: readonly { check: string; level: string; text: string; cure?: string }[]
}

async function connectionDoctor(name: string): Promise<Report & { readonly code: number | null }> {
  const env = { SALLYPORT_TOKEN: admin, SALLYPORT_CA_FILE: up.caFile, SALLYPORT_GATEWAY: up.url }
  const ran = await sallyport(['connection', 'doctor', name, '-o', 'json'], { env })
  assert.notEqual(ran.stdout, '', ran.stderr)
  return { ...JSON.parse(ran.stdout), code: ran.code }
}

test('connection doctor walks the whole way, and the agent itself looks at rights and locks', async () => {
  const report = await connectionDoctor(up.connection)
  const level = Object.fromEntries(report.checks.map(c => [c.check, c.level]))
  for (const check of ['agent', 'reach', 'clock', 'audit-id', 'discovery', 'tokenreviews'])
    assert.equal(level[check], 'ok', `${check}: ${JSON.stringify(report.checks)}`)
  assert.match(JSON.stringify(report.checks), /the API server answers, v1\.\d+/)
  // The demo credential may do everything: the one thing that an agent's credential must not.
  assert.ok(report.checks.some(c => c.check.startsWith('session/') && c.level === 'failed' && c.cure))
  assert.equal(report.code, 1)
  assert.doesNotMatch(JSON.stringify(report), /BEGIN|Bearer|eyJ/)
})

test('connection doctor stops at the broken leg and names its cure: no agent', async () => {
  await put('Connection', 'away', { agents: ['nobody'] })
  const report = await connectionDoctor('away')
  assert.equal(report.code, 1)
  assert.deepEqual(
    report.checks.map(c => [c.check, c.level, c.cure]),
    [['agent', 'failed', 'sallyport agent token nobody']],
  )
})

// The last test of this file: it stops the gateway.
test(
  'every call is in both logs, those of the checks too',
  { timeout: 60_000 },
  async t => void (await assertCrosschecked(t, cluster, up)),
)
