/** B19 to B34: an allow rule for everything that names no risk class opens none of the second doors. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { kube, openRig, type Rig } from './harness.ts'

const D = '/api/v1/namespaces/d'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'

interface Door {
  readonly title: string
  readonly method: string
  readonly target: string
  readonly body?: object
  readonly type?: string
  /** The class that the log names; the upstream must not see the request. */
  readonly risk: string
}

const object = (kind: string, apiVersion = 'v1', more: object = {}): object => ({
  kind,
  apiVersion,
  metadata: { name: 'x', ...(NAMESPACED.has(kind) ? { namespace: 'd' } : {}) },
  ...more,
})
const NAMESPACED = new Set(['Pod', 'Deployment', 'CronJob', 'RoleBinding', 'Secret', 'Widget', 'Binding'])
const pod = (spec: object): object =>
  object('Pod', 'v1', { spec: { containers: [{ name: 'c', image: 'i' }], ...spec } })
const template = (spec: object): object => ({
  template: { spec: { containers: [{ name: 'c', image: 'i' }], ...spec } },
})
const hostPath = { volumes: [{ name: 'v', hostPath: { path: '/' } }] }
const MERGE = 'application/merge-patch+json'
const APPLY = 'application/apply-patch+yaml'

const doors: readonly Door[] = [
  {
    title: 'B19 nodes/proxy to the kubelet',
    method: 'GET',
    target: '/api/v1/nodes/n/proxy/pods',
    risk: 'node-proxy',
  },
  {
    title: 'B19 nodes/proxy exec',
    method: 'POST',
    target: '/api/v1/nodes/n/proxy/exec/d/p/c',
    risk: 'node-proxy',
  },
  { title: 'B20 pods/proxy', method: 'GET', target: `${D}/pods/p:8080/proxy/admin`, risk: 'pod-proxy' },
  {
    title: 'B20 services/proxy',
    method: 'GET',
    target: `${D}/services/s:80/proxy/admin`,
    risk: 'service-proxy',
  },
  {
    title: 'B21 exec by GET without an upgrade',
    method: 'GET',
    target: `${D}/pods/p/exec?command=id`,
    risk: 'exec',
  },
  { title: 'B21 exec by POST', method: 'POST', target: `${D}/pods/p/exec?command=id`, risk: 'exec' },
  { title: 'B22 attach', method: 'POST', target: `${D}/pods/p/attach?stdin=true`, risk: 'attach' },
  {
    title: 'B23 ephemeral container by patch',
    method: 'PATCH',
    target: `${D}/pods/p/ephemeralcontainers`,
    body: { spec: { ephemeralContainers: [{ name: 'e', image: 'i' }] } },
    type: 'application/strategic-merge-patch+json',
    risk: 'ephemeral-container',
  },
  {
    title: 'B23 debug pod on a node',
    method: 'POST',
    target: `${D}/pods`,
    body: pod({ hostPID: true, hostNetwork: true }),
    risk: 'pod-spec-host',
  },
  {
    title: 'B24 exec without a terminal',
    method: 'POST',
    target: `${D}/pods/p/exec?stdin=true&tty=false&command=sh`,
    risk: 'exec',
  },
  {
    title: 'B25 port-forward',
    method: 'GET',
    target: `${D}/pods/p/portforward?ports=10250`,
    risk: 'port-forward',
  },
  {
    title: 'B26 TokenRequest',
    method: 'POST',
    target: `${D}/serviceaccounts/x/token`,
    body: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec: { audiences: ['a'] } },
    risk: 'token-mint',
  },
  {
    title: 'B27 Secret that mints a service-account token',
    method: 'POST',
    target: `${D}/secrets`,
    body: object('Secret', 'v1', { type: 'kubernetes.io/service-account-token' }),
    risk: 'token-mint',
  },
  {
    title: 'B27 certificate signing request',
    method: 'POST',
    target: '/apis/certificates.k8s.io/v1/certificatesigningrequests',
    body: object('CertificateSigningRequest', 'certificates.k8s.io/v1'),
    risk: 'csr',
  },
  {
    title: 'B27 approval of a certificate signing request',
    method: 'PATCH',
    target: '/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval',
    body: { status: {} },
    type: MERGE,
    risk: 'csr',
  },
  {
    title: 'B28 role binding',
    method: 'POST',
    target: `${RBAC}/namespaces/d/rolebindings`,
    body: object('RoleBinding', 'rbac.authorization.k8s.io/v1'),
    risk: 'rbac',
  },
  {
    title: 'B28 cluster role by patch',
    method: 'PATCH',
    target: `${RBAC}/clusterroles/x`,
    body: { aggregationRule: {} },
    type: MERGE,
    risk: 'rbac',
  },
  {
    title: 'B28 webhook',
    method: 'POST',
    target: '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    body: object('MutatingWebhookConfiguration', 'admissionregistration.k8s.io/v1'),
    risk: 'control-plane',
  },
  {
    title: 'B28 APIService',
    method: 'POST',
    target: '/apis/apiregistration.k8s.io/v1/apiservices',
    body: object('APIService', 'apiregistration.k8s.io/v1'),
    risk: 'control-plane',
  },
  {
    title: 'B28 CRD with its conversion webhook',
    method: 'PATCH',
    target: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x',
    body: { spec: { conversion: {} } },
    type: MERGE,
    risk: 'control-plane',
  },
  {
    title: 'B29 pod that mounts a Secret',
    method: 'POST',
    target: `${D}/pods`,
    body: pod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }),
    risk: 'pod-spec-secret',
  },
  {
    title: 'B29 pod that takes its environment from a Secret',
    method: 'POST',
    target: `${D}/pods`,
    body: pod({ containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: 's' } }] }] }),
    risk: 'pod-spec-secret',
  },
  {
    title: 'B29 deployment with a host path',
    method: 'POST',
    target: '/apis/apps/v1/namespaces/d/deployments',
    body: object('Deployment', 'apps/v1', { spec: template(hostPath) }),
    risk: 'pod-spec-host',
  },
  {
    title: 'B29 cron job as another service account',
    method: 'POST',
    target: '/apis/batch/v1/namespaces/d/cronjobs',
    body: object('CronJob', 'batch/v1', {
      spec: { jobTemplate: { spec: template({ serviceAccountName: 'admin' }) } },
    }),
    risk: 'pod-spec-identity',
  },
  {
    title: 'B29 pod template inside of an unknown kind',
    method: 'POST',
    target: '/apis/example.dev/v1/namespaces/d/widgets',
    body: object('Widget', 'example.dev/v1', { spec: { deep: [template(hostPath)] } }),
    risk: 'pod-spec-host',
  },
  {
    title: 'B30 pods/binding',
    method: 'POST',
    target: `${D}/pods/x/binding`,
    body: object('Binding', 'v1', { target: { kind: 'Node', name: 'n' } }),
    risk: 'pod-binding',
  },
  {
    title: 'B30 patch of a node',
    method: 'PATCH',
    target: '/api/v1/nodes/n',
    body: { spec: {} },
    type: MERGE,
    risk: 'control-plane',
  },
  {
    title: 'B30 finalize of a namespace',
    method: 'PUT',
    target: '/api/v1/namespaces/x/finalize',
    body: object('Namespace'),
    risk: 'control-plane',
  },
  {
    title: 'B31 delete of a collection',
    method: 'DELETE',
    target: `${D}/configmaps?labelSelector=a%3Db`,
    risk: 'collection-delete',
  },
  {
    title: 'B31 delete of a namespace',
    method: 'DELETE',
    target: '/api/v1/namespaces/d',
    risk: 'collection-delete',
  },
  {
    title: 'B33 server-side apply that makes a pod',
    method: 'PATCH',
    target: `${D}/pods/x?fieldManager=m`,
    body: pod(hostPath),
    type: APPLY,
    risk: 'pod-spec-host',
  },
  {
    title: 'B33 PUT that makes a role binding',
    method: 'PUT',
    target: `${RBAC}/namespaces/d/rolebindings/x`,
    body: object('RoleBinding', 'rbac.authorization.k8s.io/v1'),
    risk: 'rbac',
  },
  {
    title: 'B34 a subresource of an aggregated API',
    method: 'POST',
    target: '/apis/example.dev/v1/namespaces/d/widgets/x/use',
    body: object('Widget', 'example.dev/v1'),
    risk: 'unknown-subresource',
  },
]

let rig: Rig
let dev: string
before(async () => {
  rig = await openRig()
  dev = (await rig.session('dev')).token
})
beforeEach(() => {
  rig.upstream.requests.length = 0
})
after(() => rig.close())

for (const { title, method, target, body, type, risk } of doors) {
  test(`${title} is ${risk}, and stays closed`, async () => {
    const options =
      body === undefined
        ? method === 'POST'
          ? { headers: ['content-length', '0'] }
          : {}
        : { headers: ['content-type', type ?? 'application/json'], body: JSON.stringify(body) }
    const answer = await kube(rig, dev, method, target, options)
    assert.equal(answer.status, 403, answer.body.toString())
    assert.match(answer.body.toString(), new RegExp(`riskClasses: \\[[^\\]]*${risk}`))
    assert.equal(rig.upstream.requests.length, 0)
    const { head, effect } = rig.entries.findLast(e => e.kind === 'k8s.request' && e.phase === 'intent')!
    assert.deepEqual([effect, head.action?.risk], ['deny', risk])
  })
}

test('B30, B34 scale, status and eviction are classed, and pass where an ordinary rule allows them', async () => {
  const cases = [
    ['PATCH', '/apis/apps/v1/namespaces/d/deployments/x/scale', { spec: { replicas: 0 } }, 'scale'],
    ['PATCH', '/apis/example.dev/v1/namespaces/d/widgets/x/scale', { spec: { replicas: 0 } }, 'scale'],
    ['PATCH', `${D}/pods/x/status`, { status: {} }, 'status-write'],
  ] as const
  for (const [method, target, body, risk] of cases) {
    const answer = await kube(rig, dev, method, target, {
      headers: ['content-type', MERGE],
      body: JSON.stringify(body),
    })
    assert.equal(answer.status, 200, answer.body.toString())
    assert.equal(rig.entries.findLast(e => e.phase === 'intent')!.head.action?.risk, risk)
  }
  assert.equal(rig.upstream.requests.length, cases.length)
})

test('B32 a dry run of a Secret is a write: recorded as a dry run before it is sent, and both its sides are masked', async () => {
  const answer = await kube(rig, dev, 'POST', `${D}/secrets?dryRun=All`, {
    headers: ['content-type', 'application/json'],
    body: JSON.stringify(object('Secret', 'v1', { stringData: { p: 'hunter2-hunter2' } })),
  })
  assert.equal(answer.status, 201, answer.body.toString())
  const intent = rig.entries.findLast(e => e.kind === 'k8s.request' && e.phase === 'intent')!
  const outcome = rig.entries.findLast(e => e.call === intent.call && e.phase === 'outcome')!
  assert.deepEqual([intent.head.action?.verb, intent.head.action?.dryRun], ['create', true])
  assert.deepEqual([intent.request?.keyClass, outcome.response?.keyClass], ['shown', 'shown'])
  const sent = Buffer.concat(intent.request!.chunks.map(chunk => Buffer.from(chunk))).toString()
  assert.match(JSON.parse(sent).stringData.p, /^sallyport\.masked\.secret-data\./)
  assert.deepEqual(
    intent.request!.delta!.fields.map(field => [field.pointer, Buffer.from(field.original).toString()]),
    [['/stringData/p', 'hunter2-hunter2']],
  )
  // Reading what is there needs more.
  assert.equal((await kube(rig, dev, 'GET', `${D}/secrets/x`)).status, 403)
})
