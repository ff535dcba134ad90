import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildTestbed } from '../../testbed/build.ts'
import { buildProgram } from '../../testbed/build-program.ts'
import { type Finished, runKubectl } from '../../testbed/run-kubectl.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { splitOurs } from '../clients/compare.ts'
import { call, expectStatus, openStream, signInAsAdmin } from './call.ts'
import { clusterEvents } from './cluster-audit.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { readUnlessGone } from './read-unless-gone.ts'
import { startUp, type Up } from './rig.ts'

// A pod reaches the gateway with nothing but its in-cluster configuration: service host and port, token, authority.
// The host is the connection's own name, because in-cluster configuration has no path. Inside the pod that name must
// resolve: cluster DNS does it for a Service, `hostAliases` or a mounted /etc/hosts for any other name. `*.localhost`
// is no way out: neither Go's resolver nor that of glibc's `files dns` treats it specially.

let home: Cluster
let other: Cluster
let up: Up
let admin: string
const mount = '/var/run/secrets/kubernetes.io/serviceaccount'

before(
  async () => {
    const binaries = await buildTestbed()
    const podTools = { kubectl: binaries.kubectl, goclient: await buildProgram('goclient') }
    // The token is at its usual place, and names can be given, only where a container has a root of its own.
    home = await startCluster({ binaries, podTools, isolation: 'namespaces' })
    other = await startCluster({ binaries, nodes: [], controllerManager: false })
    up = await startUp({ kubeconfig: home.agentKubeconfig })
    admin = await signInAsAdmin(up)
    const connection = {
      apiVersion: 'sallyport.dev/v1',
      kind: 'Connection',
      metadata: { name: 'other' },
      spec: { agents: ['embedded'], kubernetes: { kubeconfig: other.agentKubeconfig } },
    }
    // As a file: which kubeconfigs the embedded agent reads is not for the API to say.
    writeFileSync(join(up.dataDir, 'config', 'other.yaml'), JSON.stringify(connection))
    up.child.kill('SIGHUP')
    for (let left = 100; left > 0 && !up.stderr().includes('read again'); left--) await sleep(100)
    await ok(['create', 'namespace', 'shop'])
    const [host, port] = [`${up.connection}.sallyport.localhost`, new URL(up.url).port]
    await ok(['-n', 'shop', 'create', 'configmap', 'sallyport-ca', `--from-file=ca.crt=${up.caFile}`])
    await ok(['-n', 'shop', 'create', 'configmap', 'hosts', `--from-literal=hosts=127.0.0.1 ${host}`])
    await ok(['-n', 'shop', 'create', 'serviceaccount', 'reader'])
    await ok(['-n', 'shop', 'create', 'role', 'reader', '--verb=get,list,watch', '--resource=pods'])
    await bind('reader', '--role=reader')
    for (const [name, account] of [
      ['client', 'reader'],
      ['short', 'reader'],
      ['typed', 'worker'],
    ] as const) {
      if (account === 'worker') {
        await ok(['-n', 'shop', 'create', 'serviceaccount', 'worker'])
        await bind('worker', '--clusterrole=admin')
      }
      const pod = redirectedPod(name, account, host, port)
      await ok(['-n', 'shop', 'create', '-f', '-'], JSON.stringify(pod))
    }
    await ok([
      '-n',
      'shop',
      'wait',
      'pod',
      'client',
      'short',
      'typed',
      '--for=condition=Ready',
      '--timeout=60s',
    ])
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await other?.stop()
  await home?.stop()
})

/** Runs kubectl directly on the cluster, as its administrator. */
async function ok(args: readonly string[], stdin?: string): Promise<string> {
  const done = await runKubectl(home, args, stdin === undefined ? {} : { stdin })
  assert.equal(done.code, 0, `kubectl ${args.join(' ')}: ${done.stderr}`)
  return done.stdout
}

const bind = (account: string, role: string): Promise<string> =>
  ok(['-n', 'shop', 'create', 'rolebinding', account, role, `--serviceaccount=shop:${account}`])

/** What an admission webhook would make of an ordinary pod. */
function redirectedPod(name: string, account: string, host: string, port: string): object {
  const sources = [
    { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
    { configMap: { name: 'sallyport-ca' } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  ]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      serviceAccountName: account,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: 'pause',
          env: [
            { name: 'KUBERNETES_SERVICE_HOST', value: host },
            { name: 'KUBERNETES_SERVICE_PORT', value: port },
          ],
          volumeMounts: [
            { name: 'access', mountPath: mount, readOnly: true },
            { name: 'hosts', mountPath: '/etc/hosts', subPath: 'hosts', readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: 'access', projected: { sources } },
        { name: 'hosts', configMap: { name: 'hosts' } },
      ],
    },
  }
}

async function putPolicy(name: string, ...rules: object[]): Promise<void> {
  const body = { apiVersion: 'sallyport.dev/v1', kind: 'Policy', metadata: { name }, spec: { rules } }
  await expectStatus(200, up, `/v1/documents/Policy/${name}`, { method: 'PUT', token: admin, body })
}

/** Runs a program in a pod; the pod itself is reached directly. */
const inPod = (pod: string, ...command: string[]): Promise<Finished> =>
  runKubectl(home, ['-n', 'shop', 'exec', pod, '--', ...command])

const tokenOf = async (pod: string): Promise<string> => (await inPod(pod, 'cat', `${mount}/token`)).stdout

test("a pod's unchanged kubectl does what RBAC allows, under the pod's own name", async () => {
  const listed = await inPod('client', 'kubectl', 'get', 'pods', '-o', 'name')
  assert.equal(listed.code, 0, listed.stderr)
  assert.deepEqual(listed.stdout.trim().split('\n').sort(), ['pod/client', 'pod/short', 'pod/typed'])

  const event = clusterEvents(home).find(
    each =>
      each.impersonatedUser?.username === 'system:serviceaccount:shop:reader' &&
      each.objectRef?.resource === 'pods' &&
      each.verb === 'list',
  )
  assert.ok(event, "the cluster's audit log names the service account")
  assert.ok(event.impersonatedUser?.groups?.includes('system:serviceaccounts:shop'))
  // The request id is the same in both logs.
  const entry = await expectStatus(200, up, `/v1/audit/entries/${event.auditID}`, { token: admin })
  assert.equal(entry.json.entry.head.principal.username, 'system:serviceaccount:shop:reader')
  assert.equal(entry.json.entry.head.result.code, 200)
})

test('what RBAC forbids stays 403, in the words of the API server', async () => {
  const through = await inPod('client', 'kubectl', 'get', 'configmaps')
  const directly = await runKubectl(home, [
    '-n',
    'shop',
    '--as=system:serviceaccount:shop:reader',
    'get',
    'configmaps',
  ])
  assert.equal(through.code, 1)
  const [ours, others] = splitOurs(through.stderr)
  assert.equal(others.trim().split('\n')[0], directly.stderr.trim())
  assert.deepEqual(ours, [
    'service-accounts/resources allows this; it is the RBAC of the cluster that refuses it',
  ])
  const created = await inPod('client', 'kubectl', 'create', 'configmap', 'mine')
  assert.match(created.stderr, /forbidden: User "system:serviceaccount:shop:reader" cannot create/)
})

test('doors that lead past RBAC stay closed by policy even where RBAC opens them', async () => {
  const refused = await inPod('typed', 'kubectl', 'create', 'token', 'reader')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /sallyport: policy does not allow this action/)
})

test('a typed Go client goes through all of its steps from within the pod', {
  timeout: 120_000,
}, async () => {
  await ok(['create', 'namespace', 'typed'])
  const binding = ['create', 'rolebinding', 'worker', '--clusterrole=admin', '--serviceaccount=shop:worker']
  await ok(['-n', 'typed', ...binding])
  // Its steps mint a token of a service account: a door of its own, opened for this namespace.
  await putPolicy('typed', {
    name: 'typed',
    effect: 'allow',
    match: {
      principals: { serviceAccounts: ['shop:worker'] },
      namespaces: ['typed'],
      verbs: ['*'],
      apiGroups: ['*'],
      resources: ['*'],
      riskClasses: ['*'],
    },
  })
  const done = await inPod('typed', 'goclient', '--namespace', 'typed')
  assert.equal(done.code, 0, `${done.stdout.slice(-2000)}\n${done.stderr}`)
  const steps = done.stdout.trimEnd().split('\n')
  assert.equal(steps.length, 21)
})

test('a token of one cluster is nobody on the connection of another', async () => {
  const token = await tokenOf('client')
  await expectStatus(200, up, `/k/${up.connection}/api/v1/namespaces/shop/pods`, { token })
  const refused = await call(up, '/k/other/api/v1/namespaces/shop/pods', { token })
  assert.equal(refused.status, 401)
  assert.equal(refused.json.details.causes[0].reason, 'credential-invalid')
  // The other cluster never saw it: only the gateway's own look-ups are in its log, and no impersonated user.
  assert.ok(clusterEvents(other).every(each => each.impersonatedUser === undefined))
})

test('a token stops working, and its watch ends, within 10 s of the deletion of the pod', async t => {
  const token = await tokenOf('short')
  const pods = `/k/${up.connection}/api/v1/namespaces/shop/pods`
  const watch = await openStream(up, `${pods}?watch=1`, { token })
  await watch.line(/"ADDED"/)
  await ok(['-n', 'shop', 'delete', 'pod', 'short', '--now'])
  const deleted = Date.now()
  let refused = await call(up, pods, { token })
  while (refused.status === 200) {
    assert.ok(Date.now() - deleted < 10_000, 'the token still works')
    await sleep(100)
    refused = await call(up, pods, { token })
  }
  t.diagnostic(`refused ${Date.now() - deleted} ms after the deletion`)
  assert.equal(refused.status, 401, refused.body)
  const { at } = await watch.ended
  t.diagnostic(`its watch ended ${at - deleted} ms after the deletion`)
  assert.ok(at - deleted < 10_000, 'the watch outlives its token')
})

test('no token of a pod is anywhere in the data directory', async () => {
  const token = await tokenOf('client')
  const signature = token.split('.')[2]!
  for (const file of readdirSync(up.dataDir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const bytes = readUnlessGone(`${file.parentPath}/${file.name}`)
    assert.ok(!bytes.includes(signature), `${file.name} holds the token`)
  }
  assert.ok(!up.stderr().includes(signature))
})

// The last test of this file: it stops the gateway.
test('every call is in both logs, on either cluster', { timeout: 60_000 }, async t => {
  await assertCrosschecked(t, home, up, '--connection', up.connection)
  await assertCrosschecked(t, other, up, '--connection', 'other')
})
