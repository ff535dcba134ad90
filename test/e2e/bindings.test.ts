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
  directly,
  furnish,
  rolesIn,
  within,
  writeConfiguration,
} from './bindings-rig.ts'
import { type Answered, call, expectStatus, openSession, openStream, signInAsAdmin } from './call.ts'
import { startUp, type Up } from './rig.ts'

/**
 * Rights that live as long as a session: the Connection document, the rendered manifests, the product, a real
 * kube-apiserver with RBAC. What a session has is looked up at the API server, never at ours.
 */
let cluster: Cluster
let up: Up
let admin: string
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-bindings-'))
const configDir = join(scratch, 'config')
const documents = new Map<string, Record<string, unknown>>()

const bindings = [
  { group: 'local:admins', clusterRole: 'editor', namespaces: ['a'] },
  { principals: { users: ['local:adm*'] }, role: 'reader', namespaces: ['b'] },
  { when: "principal.method in ['local', 'session']", clusterRole: 'looker', clusterWide: true },
  { group: 'local:others', clusterRole: 'editor', namespaces: ['b'] },
  { group: 'local:admins', when: 'principal.email == "x@example.com"', clusterRole: 'editor', clusterWide: true },
]
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
      const spec = { agents: ['embedded'], upstreamIdentity, bindings, session: { maximum: '1h' } }
      await applyFor(cluster, scratch, connectionDocument(name, { ...spec, agents: ['far'] }), namespace)
      const kubeconfig = (await credentialOf(cluster, scratch, namespace, 'sallyport-session')).path
      const binder = (await credentialOf(cluster, scratch, namespace, 'sallyport-binder')).path
      documents.set(name, { ...spec, kubernetes: { kubeconfig, binder: { kubeconfig: binder } } })
    }
    writeConfiguration(configDir, ...[...documents].map(([name, spec]) => connectionDocument(name, spec)))
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

for (const [connection, kind] of [
  ['users', 'User'],
  ['accounts', 'ServiceAccount'],
] as const) {
  test(`${connection}: a session has exactly the roles that its principal is mapped to, while it lives`, async t => {
    const { id, token } = await openSession(up, admin, connection)
    const began = performance.now()
    assert.equal((await list(connection, token, 'a')).status, 200)
    t.diagnostic(`first request ${Math.round(performance.now() - began)} ms`)
    assert.equal((await list(connection, token, 'b')).status, 403)
    assert.equal((await list(connection, token, 'b', 'endpoints')).status, 200)
    assert.equal((await list(connection, token, 'a', 'endpoints')).status, 403)
    assert.equal((await list(connection, token, 'b', 'pods')).status, 200)
    assert.equal((await list(connection, token, 'a', 'secrets')).status, 403)
    const found = await bindingsOf(cluster, id)
    assert.deepEqual(rolesIn(found), held)
    for (const { metadata, subjects } of found) {
      assert.equal(subjects?.length, 1)
      assert.equal(subjects[0]!.kind, kind)
      assert.equal(subjects[0]!.name, kind === 'User' ? `sallyport:s:${id}` : id)
      assert.equal(metadata.labels!['app.kubernetes.io/managed-by'], 'sallyport')
      const left = Date.parse(metadata.annotations!['sallyport.dev/expires-at']!) - Date.now()
      assert.ok(left > 0 && left <= 300_000, `${left} ms`)
    }
    await expectStatus(200, up, `/v1/sessions/${id}`, { method: 'DELETE', token: admin })
    const gone = await within(10_000, async () => (await bindingsOf(cluster, id)).length === 0, 'gone')
    t.diagnostic(`gone ${gone} ms after its end`)
  })
}

void directly
void openStream
