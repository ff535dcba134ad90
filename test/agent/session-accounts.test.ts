import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createSessionAccounts } from '../../src/agent/accounts/session-accounts.ts'
import { fixedCredential } from '../../src/agent/credentials/credential.ts'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { call, expectStatus, openSession, signInAsAdmin } from '../e2e/call.ts'
import { startUp, type Up } from '../e2e/rig.ts'
import { applyManifests, steal } from './manifests.ts'

/** upstreamIdentity serviceaccount, whole: the rendered manifests, the product, a real kube-apiserver. */
let cluster: Cluster
let up: Up
let admin: string
let agentToken: string
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-accounts-'))
const apiVersion = 'sallyport.dev/v1'
const accounts = '/api/v1/namespaces/sallyport-sessions/serviceaccounts'
const configMaps = '/k/prod/api/v1/namespaces/default/configmaps'

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    const group = 'system:serviceaccounts:sallyport-sessions'
    for (const args of [
      ['create', 'clusterrole', 'reader', '--verb=get,list', '--resource=configmaps'],
      ['create', 'clusterrolebinding', 'sessions', '--clusterrole=reader', `--group=${group}`],
    ]) {
      const made = await runKubectl(cluster, args)
      assert.equal(made.code, 0, made.stderr)
    }
    await applyManifests(cluster, { upstreamIdentity: 'serviceaccount' }, ['--server-version', '1.36'])
    agentToken = (await steal(cluster, 'sallyport-system', 'sallyport-session')).token
    const kubeconfig = join(scratch, 'kubeconfig')
    const ca = readFileSync(cluster.caFile, 'utf8')
    writeKubeconfig(kubeconfig, { server: cluster.url, ca, user: { token: agentToken } })
    const configDir = join(scratch, 'config')
    mkdirSync(configDir)
    const spec = { agents: ['embedded'], upstreamIdentity: 'serviceaccount', kubernetes: { kubeconfig } }
    const principals = { groups: ['local:admins'] }
    const everything = { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] }
    const rules = [
      { name: 'resources', effect: 'allow', match: everything },
      { name: 'sallyport', effect: 'allow', match: { principals, admin: { verbs: ['*'] } } },
    ]
    for (const document of [
      { apiVersion, kind: 'Connection', metadata: { name: 'prod' }, spec },
      { apiVersion, kind: 'Policy', metadata: { name: 'administrators' }, spec: { rules } },
    ]) {
      writeFileSync(join(configDir, `${document.kind}.yaml`), JSON.stringify(document))
    }
    up = await startUp({ configDir, env: { KUBECONFIG: '' } })
    admin = await signInAsAdmin(up)
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

// biome-ignore lint/suspicious/noExplicitAny: events of every shape
function clusterAudit(): any[] {
  const lines = readFileSync(cluster.auditLog, 'utf8').split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line))
}

interface ServiceAccount {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
}

async function listed(): Promise<readonly ServiceAccount[]> {
  const args = ['get', 'serviceaccounts', '-n', 'sallyport-sessions', '-o', 'json']
  return JSON.parse((await runKubectl(cluster, args)).stdout).items
}

const names = async (): Promise<string[]> => (await listed()).map(each => each.metadata.name).sort()

test('a session acts as its own service account, with what RBAC gives to those, and impersonates nobody', async () => {
  const one = await openSession(up, admin, 'prod')
  const two = await openSession(up, admin, 'prod')
  for (const { token } of [one, two, one]) await expectStatus(200, up, configMaps, { token })
  await expectStatus(403, up, '/k/prod/api/v1/namespaces/default/secrets', { token: one.token })
  assert.deepEqual(await names(), [one.id, two.id].sort())
  const events = clusterAudit()
  const reads = events.filter(event => event.requestURI === '/api/v1/namespaces/default/configmaps')
  assert.deepEqual(
    reads.map(event => event.user.username),
    [one, two, one].map(({ id }) => `system:serviceaccount:sallyport-sessions:${id}`),
  )
  assert.ok(reads.every(event => event.impersonatedUser === undefined))
  // One token a session, not one a call.
  assert.equal(events.filter(event => event.requestURI === `${accounts}/${one.id}/token`).length, 1)
  for (const { metadata } of await listed()) {
    const ends = Date.parse(metadata.annotations!['sallyport.dev/expires-at']!)
    assert.ok(ends > Date.now() && ends < Date.now() + 3_600_000)
  }
})

test('its account goes when it ends, and that is in the log', async () => {
  const { id, token } = await openSession(up, admin, 'prod')
  await expectStatus(200, up, configMaps, { token })
  assert.ok((await names()).includes(id))
  await expectStatus(200, up, `/v1/sessions/${id}`, { method: 'DELETE', token: admin })
  await until(async () => ((await names()).includes(id) ? undefined : true))
  await expectStatus(401, up, configMaps, { token })
  assert.ok(!(await names()).includes(id), 'and does not come back')
  const event = clusterAudit().find(each => each.verb === 'delete' && each.objectRef?.name === id)
  const found = await until(async () => {
    const answered = await call(up, `/v1/audit/entries/${event.auditID}`, { token: admin })
    return answered.status === 200 ? answered.json : undefined
  })
  assert.match(JSON.stringify(found), /session-end/)
})

test('what a crash leaves behind is swept when its time is over, and nothing else', async () => {
  const before = await names()
  const made = await runKubectl(cluster, ['create', 'serviceaccount', 'foreign', '-n', 'sallyport-sessions'])
  assert.equal(made.code, 0, made.stderr)
  const target = {
    origin: cluster.url,
    basePath: '',
    certificateAuthority: readFileSync(cluster.caFile, 'utf8'),
  }
  const credential = fixedCredential(target, 'test', { authorization: `Bearer ${agentToken}` })
  let now = Date.now()
  const life = createSessionAccounts(credential, { clock: () => now, sweepEvery: 0 })
  const orphan = `s-${'z'.repeat(26)}`
  // Two at once are one account, as when two agents serve one session.
  const other = createSessionAccounts(credential, { sweepEvery: 0 })
  await Promise.all([life.credentialOf(orphan).refresh(), other.credentialOf(orphan).refresh()])
  assert.deepEqual(await names(), [...before, orphan, 'foreign'].sort())
  assert.equal(await life.sweep(), 0, 'their time is not over')
  now += 3_600_000
  assert.equal(await life.sweep(), before.length + 1)
  assert.deepEqual(await names(), ['foreign'])
  await Promise.all([life.close(), other.close()])
})

test('an account that was swept is made anew when its session goes on', async () => {
  const { id, token } = await openSession(up, admin, 'prod')
  await expectStatus(200, up, configMaps, { token })
  const gone = await runKubectl(cluster, ['delete', 'serviceaccount', id, '-n', 'sallyport-sessions'])
  assert.equal(gone.code, 0, gone.stderr)
  // The API server may take the old token for some seconds more; then it is refused once, and replaced.
  await until(async () => {
    const answered = await call(up, configMaps, { token })
    assert.ok(answered.status === 200 || answered.status >= 500, answered.body)
    return (await names()).includes(id) ? true : undefined
  })
  await expectStatus(200, up, configMaps, { token })
})

/** What `look` finds, looked for again and again for a minute. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(Date.now() < deadline, 'it did not come in time')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
