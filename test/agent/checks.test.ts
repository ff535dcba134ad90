import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { type Ran, sallyport } from '../e2e/rig.ts'
import { applyManifests, binding, RBAC, steal, type Thief } from './manifests.ts'

/** `sallyport agent check` on a real cluster: what it says of good rights, and of each wrong that it can see. */
let cluster: Cluster
let binder: Thief
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-check-'))
const connection = {
  groups: ['sallyport:devs'],
  users: ['sallyport:corp:alice'],
  ceiling: { readOnly: true },
  binder: { inCluster: { directory: '/nowhere' } },
  mayBind: { clusterRoles: ['view'] },
}

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    await applyManifests(cluster, connection, ['--server-version', '1.36'])
    for (const name of ['session', 'binder'] as const) {
      const { token } = await steal(cluster, 'sallyport-system', `sallyport-${name}`)
      write(name, { token })
    }
    write('admin', cluster.clientCertificate('boss', ['system:masters']))
    write('twin', { token: (await steal(cluster, 'sallyport-system', 'sallyport-session')).token })
    write('gone', { token: 'nobody-knows-this-token' })
    binder = await steal(cluster, 'sallyport-system', 'sallyport-binder')
    // A new policy is in force a moment after it was written.
    const deadline = Date.now() + 60_000
    const body = binding({ labels: {} })
    const path = `${RBAC}/clusterrolebindings?dryRun=All`
    while ((await binder.call(path, { method: 'POST', body })).status !== 422) {
      assert.ok(Date.now() < deadline, 'the admission policy came into force')
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  },
  { timeout: 600_000 },
)
after(async () => {
  await cluster?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

function write(name: string, user: Parameters<typeof writeKubeconfig>[1]['user']): void {
  const ca = readFileSync(cluster.caFile, 'utf8')
  writeKubeconfig(join(scratch, name), { server: cluster.url, ca, user })
}

async function check(session: string, withBinder?: string, more: object = {}): Promise<Ran> {
  const credential = (name: string) => ({ kubeconfig: { path: join(scratch, name) } })
  const { binder: _, mayBind, ...rest } = { ...connection, ...more }
  const bound = withBinder === undefined ? {} : { binder: credential(withBinder), mayBind }
  const document = {
    apiVersion: 'sallyport.dev/v1',
    kind: 'AgentConfig',
    gateway: 'https://127.0.0.1:1',
    dataDir: scratch,
    connections: [{ name: 'prod', credential: credential(session), ...rest, ...bound }],
  }
  const file = join(scratch, 'agent.yaml')
  writeFileSync(file, JSON.stringify(document))
  return sallyport(['agent', 'check', '--config', file, '-o', 'json'])
}

/** `level check` of every finding. */
function findings(ran: Ran): string[] {
  const [found] = JSON.parse(ran.stdout).connections
  return found.findings.map((each: { level: string; check: string }) => `${each.level} ${each.check}`)
}

test('with the rendered manifests every lock is there', async () => {
  const ran = await check('session', 'binder')
  assert.equal(ran.code, 0, ran.stdout + ran.stderr)
  const { kind, connections } = JSON.parse(ran.stdout)
  assert.equal(kind, 'AgentCheck')
  assert.match(connections[0].serverVersion, /^v1\.36/)
  assert.equal(connections[0].sessionUser, 'system:serviceaccount:sallyport-system:sallyport-session')
  assert.equal(connections[0].binderUser, 'system:serviceaccount:sallyport-system:sallyport-binder')
  assert.deepEqual(findings(ran), [
    'ok session/own-rights',
    'ok session/constrained-impersonation',
    'ok session/user-names',
    'ok binder/separate',
    'ok binder/own-rights',
    'ok binder/admission-policy',
  ])
})

test('an administrator as session and as binder: too much', async () => {
  const ran = await check('admin')
  assert.equal(ran.code, 1)
  assert.deepEqual(findings(ran), ['danger session/everything'])
  const both = await check('session', 'admin')
  assert.equal(both.code, 1)
  assert.ok(findings(both).includes('danger binder/everything'))
})

test('one identity for both is refused, also when the tokens differ, and the agent does not start with it', async () => {
  for (const twin of ['session', 'twin']) {
    const ran = await check('session', twin)
    assert.equal(ran.code, 1)
    assert.match(ran.stderr, /connection prod: credential and binder are the same identity/)
    const started = await sallyport(['agent', 'run', '--config', join(scratch, 'agent.yaml')], {
      stdin: '',
      timeout: 60_000,
    })
    assert.equal(started.code, 1)
  }
})

test('rights that are missing are said before a caller meets them', async () => {
  const ran = await check('session', undefined, { groups: ['sallyport:devs', 'sallyport:other'] })
  assert.equal(ran.code, 1)
  assert.ok(findings(ran).includes('danger session/groups'), ran.stdout)
  const user = await check('session', undefined, { users: ['sallyport:corp:bob'] })
  assert.ok(findings(user).includes('danger session/impersonation'), user.stdout)
  const accounts = await check('session', undefined, {
    upstreamIdentity: 'serviceaccount',
    groups: undefined,
    users: undefined,
  })
  assert.ok(findings(accounts).includes('danger session/service-accounts'), accounts.stdout)
})

test('a credential that the cluster does not know is a finding and no crash; nothing secret is printed', async () => {
  const ran = await check('gone')
  assert.equal(ran.code, 1)
  assert.match(ran.stdout, /session\/reachable/)
  assert.ok(!(ran.stdout + ran.stderr).includes('nobody-knows'))
})

test('rights added later are seen: a role too many, and no admission policy', async () => {
  const accounts = ['session', 'binder'].map(name => `--serviceaccount=sallyport-system:sallyport-${name}`)
  for (const args of [
    ['create', 'clusterrole', 'reads', '--verb=get', '--resource=secrets'],
    ['create', 'clusterrole', 'poses', '--verb=impersonate', '--resource=users,groups'],
    ['create', 'clusterrolebinding', 'reads', '--clusterrole=reads', ...accounts],
    ['create', 'clusterrolebinding', 'poses', '--clusterrole=poses', ...accounts],
    ['delete', 'validatingadmissionpolicybinding', 'sallyport-system-binder'],
  ]) {
    const done = await runKubectl(cluster, args)
    assert.equal(done.code, 0, done.stderr)
  }
  const deadline = Date.now() + 60_000
  const path = `${RBAC}/clusterrolebindings?dryRun=All`
  while ((await binder.call(path, { method: 'POST', body: binding({ labels: {} }) })).status === 422) {
    assert.ok(Date.now() < deadline, 'the admission policy is gone')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  const seen = findings(await check('session', 'binder'))
  for (const expected of [
    'danger session/secrets',
    'danger session/system-masters',
    'warning session/constrained-impersonation',
    'warning session/user-names',
    'danger binder/impersonation',
    'danger binder/secrets',
    'warning binder/admission-policy',
  ]) {
    assert.ok(seen.includes(expected), `${expected} in ${seen}`)
  }
})
