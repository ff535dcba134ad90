import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { runKubectl } from '../../testbed/run-kubectl.ts'
import { AGENT_USER, type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { call, expectStatus, openSession, signInAsAdmin } from './call.ts'
import { clusterEvents } from './cluster-audit.ts'
import { assertCrosschecked, runCrosscheck } from './crosscheck.ts'
import { sallyport, startUp, type Up } from './rig.ts'

/** The completeness number, and the finder of bypasses, on a real cluster. */
let cluster: Cluster
let up: Up
let session: string

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    up = await startUp({ kubeconfig: cluster.agentKubeconfig })
    session = (await openSession(up, await signInAsAdmin(up), up.connection)).token
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
})

const configMaps = (): string => `/k/${up.connection}/api/v1/namespaces/default/configmaps`

test('calls of every verb are in both logs, our own included', { timeout: 60_000 }, async t => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { a: '1' } }
  await expectStatus(201, up, configMaps(), { method: 'POST', token: session, body: object })
  await expectStatus(409, up, configMaps(), { method: 'POST', token: session, body: object })
  await expectStatus(200, up, `${configMaps()}/one`, { token: session })
  await expectStatus(404, up, `${configMaps()}/none`, { token: session })
  await expectStatus(200, up, configMaps(), { token: session })
  await expectStatus(200, up, `${configMaps()}?watch=1&timeoutSeconds=1`, { token: session })
  await expectStatus(200, up, `${configMaps()}/one`, { method: 'PUT', token: session, body: object })
  await expectStatus(200, up, `${configMaps()}/one`, {
    method: 'PATCH',
    token: session,
    body: { data: { b: '2' } },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  const generated = { ...object, metadata: { generateName: 'some-' } }
  await expectStatus(201, up, configMaps(), { method: 'POST', token: session, body: generated })
  await expectStatus(200, up, `/k/${up.connection}/version`, { token: session })
  await expectStatus(200, up, `${configMaps()}/one`, { method: 'DELETE', token: session })
  await expectStatus(200, up, `${configMaps()}?labelSelector=none%3Done`, {
    method: 'DELETE',
    token: session,
  })
  // Refused by us: in our log, and rightly not in the cluster's.
  assert.equal((await call(up, `${configMaps()}//`, { token: session })).status, 400)

  const report = await assertCrosschecked(t, cluster, up)
  const verbs = report.verbs.map(row => row.verb)
  for (const verb of ['create', 'get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection']) {
    assert.ok(verbs.includes(verb), `${verb} among ${verbs}`)
  }
  assert.deepEqual(report.agentUsers, [AGENT_USER])
  // The binding that `up` makes is among them.
  const binding = clusterEvents(cluster).find(
    each => each.objectRef?.name === 'sallyport-local-admins' && each.verb === 'create',
  )
  assert.equal(binding?.user.username, AGENT_USER)
})

test('a call that went around the gateway with the credential of the agent is found', async () => {
  const around = await runKubectl(cluster, ['get', 'secrets', '-A'], { kubeconfig: cluster.agentKubeconfig })
  assert.equal(around.code, 0, around.stderr)
  const { ran, report } = await runCrosscheck(cluster, [up.dataDir])
  assert.equal(ran.code, 6)
  const { unrecorded, ...others } = report.findings
  const found = unrecorded.items.filter(each => each.uri.startsWith('/api/v1/secrets'))
  assert.deepEqual(
    found.map(each => [each.why, each.verb, each.user]),
    [['agent user', 'list', AGENT_USER]],
  )
  assert.match(found[0]!.userAgent, /^kubectl/)
  for (const each of Object.values(others)) assert.equal(each.count, 0)
})

test('so is one of somebody else who calls himself by a name of ours', async () => {
  const as = ['--as', 'sallyport:local:admin', '--as-group', 'sallyport:admins']
  const around = await runKubectl(cluster, [...as, 'get', 'configmaps'])
  assert.equal(around.code, 0, around.stderr)
  const { report } = await runCrosscheck(cluster, [up.dataDir])
  const found = report.findings.unrecorded.items.filter(each => each.impersonated === 'sallyport:local:admin')
  assert.ok(found.some(each => each.why === 'our user name' && each.verb === 'list'))
})

test('the table for people says it in one glance', async () => {
  const ran = await sallyport(['audit', 'crosscheck', cluster.auditLog, '--log', `${up.dataDir}/log`])
  assert.equal(ran.code, 6)
  assert.match(ran.stdout, /^VERB +OURS +OWN +SEEN +CLUSTER +RECORDED/m)
  assert.match(ran.stdout, /^list .*100 %.*\d\d\.\d\d %$/m)
  assert.match(ran.stdout, /NOT RECORDED/)
  assert.match(ran.stdout, /\/api\/v1\/secrets.*by sallyport-agent \(agent user\)/)
  assert.match(ran.stdout, /^NOT COMPLETE$/m)
})
