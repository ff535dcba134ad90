import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import {
  applyFor,
  bindingsOf,
  connectionDocument,
  credentialOf,
  furnish,
  rolesIn,
  within,
  writeConfiguration,
} from './bindings-rig.ts'
import { type Answered, call, expectStatus, openSession, signInAsAdmin } from './call.ts'
import { clusterEvents } from './cluster-audit.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { sallyport, startUp, type Up } from './rig.ts'

/**
 * Rights that live as long as a session: the Connection document, the rendered manifests, the product, a real
 * kube-apiserver with RBAC. What a session has is looked up at the API server, never at ours.
 */
let cluster: Cluster
let up: Up
let admin: string
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-bindings-'))
const configDir = join(scratch, 'config')
const specs = new Map<string, object>()

const bindings = [
  { group: 'local:admins', clusterRole: 'editor', namespaces: ['a'] },
  { principals: { users: ['local:adm*'] }, role: 'reader', namespaces: ['b'] },
  { when: "principal.method in ['local', 'session']", clusterRole: 'looker', clusterWide: true },
  { group: 'local:others', clusterRole: 'editor', namespaces: ['b'] },
  {
    group: 'local:admins',
    when: 'principal.email == "x@example.com"',
    clusterRole: 'editor',
    clusterWide: true,
  },
]
const mapped = {
  bindings,
  session: { maximum: '1h' },
  serviceAccounts: { enabled: false },
}
const held = ['editor in a', 'looker in *', 'reader in b']

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    await furnish(cluster)
    for (const [name, upstreamIdentity] of [
      ['users', 'session'],
      ['accounts', 'serviceaccount'],
    ] as const) {
      const namespace = `sallyport-${name}`
      const spec = { ...mapped, upstreamIdentity }
      await applyFor(cluster, scratch, connectionDocument(name, { ...spec, agents: ['far'] }), namespace)
      const kubeconfig = (await credentialOf(cluster, scratch, namespace, 'sallyport-session')).path
      const binder = (await credentialOf(cluster, scratch, namespace, 'sallyport-binder')).path
      specs.set(name, {
        ...spec,
        agents: ['embedded'],
        kubernetes: { kubeconfig, binder: { kubeconfig: binder } },
      })
    }
    writeConfiguration(configDir, ...[...specs].map(([name, spec]) => connectionDocument(name, spec)))
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

const path = (connection: string, namespace: string, resource = 'configmaps'): string =>
  `/k/${connection}/api/v1/namespaces/${namespace}/${resource}`
const list = (connection: string, token: string, namespace: string, resource?: string): Promise<Answered> =>
  call(up, path(connection, namespace, resource), { token })

/** Opens a session and makes its rights be used. */
async function useSession(connection: string): Promise<{ readonly id: string; readonly token: string }> {
  const opened = await openSession(up, admin, connection)
  assert.equal((await list(connection, opened.token, 'a')).status, 200)
  return opened
}

const gone = (id: string): Promise<number> =>
  within(20_000, async () => (await bindingsOf(cluster, id)).length === 0, `bindings of ${id} are gone`)

/** A connection that is written through the API, with the credentials that files of this machine name. */
async function putConnection(name: string, changes: object): Promise<void> {
  const body = connectionDocument(name, { ...specs.get('users'), ...changes })
  await expectStatus(200, up, `/v1/documents/Connection/${name}`, { method: 'PUT', token: admin, body })
  // The embedded agent takes it up a moment later.
  await within(20_000, async () => (await agentCheck(name)) === 'ok', `an agent serves ${name}`)
}

async function agentCheck(name: string): Promise<string> {
  const { json } = await expectStatus(200, up, `/v1/connections/${name}/checks`, { token: admin })
  return json.checks.find((each: { check: string }) => each.check === 'binder/mapping')?.level ?? ''
}

for (const [connection, kind] of [
  ['users', 'User'],
  ['accounts', 'ServiceAccount'],
] as const) {
  test(`${connection}: a session has exactly the mapped roles, while it lives`, async t => {
    const { id, token } = await openSession(up, admin, connection)
    for (const [namespace, resource, status] of [
      ['a', 'configmaps', 200],
      ['b', 'configmaps', 403],
      ['b', 'endpoints', 200],
      ['a', 'endpoints', 403],
      ['b', 'pods', 200],
      ['a', 'secrets', 403],
    ] as const) {
      const answered = await list(connection, token, namespace, resource)
      assert.equal(answered.status, status, `${resource} in ${namespace}: ${answered.body}`)
    }
    const found = await bindingsOf(cluster, id)
    assert.deepEqual(rolesIn(found), held)
    for (const { metadata, subjects } of found) {
      assert.deepEqual(
        [subjects?.length, subjects?.[0]?.kind, subjects?.[0]?.name],
        [1, kind, kind === 'User' ? `sallyport:s:${id}` : id],
      )
      assert.equal(metadata.labels!['app.kubernetes.io/managed-by'], 'sallyport')
      const left = Date.parse(metadata.annotations!['sallyport.dev/expires-at']!) - Date.now()
      assert.ok(left > 0 && left <= 300_000, `${left} ms`)
    }
    const shown = await sallyport(['session', 'show', id, '--gateway', up.url], { env: asAdmin() })
    assert.match(shown.stdout, /Rights:\s+.*ClusterRole editor in a/, shown.stderr)
    assert.match(shown.stdout, /ClusterRole looker in the whole cluster/)
    await expectStatus(200, up, `/v1/sessions/${id}`, { method: 'DELETE', token: admin })
    t.diagnostic(`gone ${await gone(id)} ms after its end, kubectl included`)
    assert.equal((await list(connection, token, 'a')).status, 401)
  })
}

const asAdmin = (): Record<string, string> => ({ SALLYPORT_TOKEN: admin, SALLYPORT_CA_FILE: up.caFile })

test('the rights are in the trail: asked for before they are given, with every request that it took', async () => {
  const { id } = await useSession('users')
  const query = `kind=agent.call&session=${id}`
  const listed = await until(async () => {
    const { json } = await expectStatus(200, up, `/v1/audit/entries?${query}`, { token: admin })
    return json.items.length > 0 ? json.items : undefined
  })
  const shown = await expectStatus(200, up, `/v1/audit/entries/${listed[0].call}`, { token: admin })
  assert.match(shown.body, /ClusterRole editor in a/)
  const created = clusterEvents(cluster).filter(
    each =>
      each.verb === 'create' &&
      /bindings$/.test(each.objectRef?.resource ?? '') &&
      each.requestURI.includes('rolebindings'),
  )
  const ids = created.filter(each => (each.objectRef?.name ?? '').includes(id)).map(each => each.auditID)
  assert.equal(ids.length, 3)
  for (const auditId of ids) assert.ok(shown.body.includes(auditId), auditId)
})

test('a revoked session has no rights left', async t => {
  const { id, token } = await useSession('users')
  const body = { target: { kind: 'session', id }, reason: 'lost' }
  await expectStatus(201, up, '/v1/revocations', { method: 'POST', token: admin, body })
  t.diagnostic(`gone ${await gone(id)} ms after its revocation, kubectl included`)
  assert.equal((await list('users', token, 'a')).status, 401)
})

test('a role that is not there: a clear refusal, no session, nothing left behind', async () => {
  const before = (await bindingsOf(cluster)).length
  await putConnection('broken', {
    bindings: [
      { group: 'local:admins', clusterRole: 'editor', namespaces: ['a'] },
      { group: 'local:admins', clusterRole: 'missing', namespaces: ['a'] },
    ],
  })
  const body = { connection: 'broken' }
  const refused = await call(up, '/v1/sessions', { method: 'POST', token: admin, body })
  assert.equal(refused.status, 503, refused.body)
  assert.match(refused.body, /binding-failed/)
  assert.match(refused.body, /cannot read the role missing/)
  assert.equal((await bindingsOf(cluster)).length, before)
})

test('connection doctor says whether the agent may make what the connection maps', async () => {
  const { json } = await expectStatus(200, up, '/v1/connections/users/checks', { token: admin })
  const found = json.checks.find((each: { check: string }) => each.check === 'binder/mapping')
  assert.equal(found.level, 'ok', JSON.stringify(found))
  const failed = json.checks.filter((each: { level: string }) => each.level === 'failed')
  assert.deepEqual(failed, [])
})

test('both logs agree', async t => {
  const users = ['sallyport-users:sallyport-session'].flatMap(name => [
    '--agent-user',
    `system:serviceaccount:${name}`,
  ])
  await assertCrosschecked(t, cluster, up, ...users)
})

/** What `look` finds, looked for again and again for a minute. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const found: T[] = []
  const looked = async (): Promise<boolean> => {
    const one = await look()
    if (one !== undefined) found.push(one)
    return found.length > 0
  }
  await within(60_000, looked, 'it came')
  return found[0]!
}
