import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { podSpecRisks } from './pod-spec.ts'
import { type RiskFacts, riskOf, risksOf } from './risk.ts'
import { riskClassNames } from './risk-classes.ts'

/** `verb group/resource/subresource`; the core group is empty. */
function facts(text: string, more: Partial<RiskFacts> = {}): RiskFacts {
  const [verb, target] = text.split(' ') as [string, string]
  const [apiGroup, resource, subresource = ''] = target.split('/') as [string, string, string?]
  return {
    isResource: true,
    verb,
    apiGroup,
    resource,
    subresource,
    namespace: 'ns',
    name: 'x',
    body: null,
    impersonate: null,
    ...more,
  }
}

function withBody(text: string, object: unknown, more: Partial<RiskFacts> = {}): RiskFacts {
  const patch = Array.isArray(object) ? 'json-patch' : 'merge-patch'
  const form = text.startsWith('patch ') ? patch : 'object'
  return facts(text, { body: { ...BODY, form, object }, ...more })
}

const BODY = { apiVersion: 'v1', kind: 'X', name: 'x', namespace: 'ns', form: 'object', object: undefined }
const OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'u' }

const pod = (spec: unknown) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec })

for (const [name, request, expected] of [
  ['B19 the kubelet through nodes/proxy', facts('get /nodes/proxy'), 'node-proxy'],
  ['B19 with any verb', facts('create /nodes/proxy'), 'node-proxy'],
  ['B20 pods/proxy', facts('get /pods/proxy'), 'pod-proxy'],
  ['B20 services/proxy', facts('get /services/proxy'), 'service-proxy'],
  ['B21 exec', facts('create /pods/exec'), 'exec'],
  ['B21 exec, should it ever arrive as a read', facts('get /pods/exec'), 'exec'],
  ['B22 attach', facts('create /pods/attach'), 'attach'],
  [
    'B23 an ephemeral container',
    withBody('patch /pods/ephemeralcontainers', { spec: { ephemeralContainers: [{ name: 'd' }] } }),
    'ephemeral-container',
  ],
  [
    'B23 a privileged ephemeral container',
    withBody(
      'update /pods/ephemeralcontainers',
      pod({ ephemeralContainers: [{ securityContext: { privileged: true } }] }),
    ),
    'pod-spec-host',
  ],
  [
    'B23 a node debug pod',
    withBody('create /pods', pod({ nodeName: 'n', hostPID: true, volumes: [{ hostPath: { path: '/' } }] })),
    'pod-spec-host',
  ],
  ['B25 port-forward', facts('create /pods/portforward'), 'port-forward'],
  ['B26 TokenRequest', facts('create /serviceaccounts/token'), 'token-mint'],
  [
    'B27 a Secret that a controller fills with a token',
    withBody('create /secrets', { type: 'kubernetes.io/service-account-token' }),
    'token-mint',
  ],
  [
    'B27 by annotation',
    withBody('create /secrets', { metadata: { annotations: { 'kubernetes.io/service-account.name': 'a' } } }),
    'token-mint',
  ],
  [
    'B27 by JSON patch',
    withBody('patch /secrets', [
      { op: 'add', path: '/metadata/annotations/kubernetes.io~1service-account.name', value: 'a' },
    ]),
    'token-mint',
  ],
  [
    'B27 a bootstrap token',
    withBody('create /secrets', {}, { namespace: 'kube-system', name: 'bootstrap-token-abcdef' }),
    'token-mint',
  ],
  ['B27 a CSR', facts('create certificates.k8s.io/certificatesigningrequests'), 'csr'],
  ['B27 its approval', facts('update certificates.k8s.io/certificatesigningrequests/approval'), 'csr'],
  ['B27 its certificate', facts('patch certificates.k8s.io/certificatesigningrequests/status'), 'csr'],
  ['B28 a binding', facts('create rbac.authorization.k8s.io/rolebindings'), 'rbac'],
  ['B28 a role', facts('patch rbac.authorization.k8s.io/clusterroles'), 'rbac'],
  [
    'B28 the role map of EKS',
    facts('patch /configmaps', { namespace: 'kube-system', name: 'aws-auth' }),
    'rbac',
  ],
  [
    'B28 a webhook',
    facts('create admissionregistration.k8s.io/mutatingwebhookconfigurations'),
    'control-plane',
  ],
  ['B28 an APIService', facts('update apiregistration.k8s.io/apiservices'), 'control-plane'],
  [
    'B28 a CRD with its conversion webhook',
    facts('create apiextensions.k8s.io/customresourcedefinitions'),
    'control-plane',
  ],
  [
    'B28 the labels that Pod Security obeys',
    withBody('patch /namespaces', { metadata: { labels: { 'pod-security.kubernetes.io/enforce': null } } }),
    'control-plane',
  ],
  [
    'B28 the same by JSON patch',
    withBody('patch /namespaces', [
      { op: 'remove', path: '/metadata/labels/pod-security.kubernetes.io~1enforce' },
    ]),
    'control-plane',
  ],
  [
    'B28 all labels away, and with them the level of Pod Security',
    withBody('patch /namespaces', { metadata: { labels: null } }),
    'control-plane',
  ],
  [
    'B28 the same by JSON patch',
    withBody('patch /namespaces', [{ op: 'remove', path: '/metadata/labels' }]),
    'control-plane',
  ],
  [
    'B28 moved elsewhere',
    withBody('patch /namespaces', [{ op: 'move', from: '/metadata/labels', path: '/metadata/annotations' }]),
    'control-plane',
  ],
  [
    'B28 replaced by a directive',
    withBody('patch /namespaces', { metadata: { labels: { $patch: 'replace', a: 'b' } } }),
    'control-plane',
  ],
  ['B28 left out by a PUT', withBody('update /namespaces', { metadata: {} }), 'control-plane'],
  [
    'B28 left out by an apply',
    facts('patch /namespaces', { body: { ...BODY, form: 'apply-patch', object: { metadata: {} } } }),
    'control-plane',
  ],
  [
    'B30 the labels by the status',
    withBody('patch /namespaces/status', {
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
    }),
    'control-plane',
  ],
  ['B31 an owner', withBody('patch /pods', { metadata: { ownerReferences: [OWNER] } }), 'owner-change'],
  [
    'B31 an owner by JSON patch',
    withBody('patch /pods', [{ op: 'add', path: '/metadata/ownerReferences/-', value: OWNER }]),
    'owner-change',
  ],
  [
    'B31 an owner that is copied from where it does not count',
    withBody('patch example.dev/widgets', [
      { op: 'copy', from: '/spec/owners', path: '/metadata/ownerReferences' },
    ]),
    'owner-change',
  ],
  [
    'B31 a whole head that is copied',
    withBody('patch example.dev/widgets', [{ op: 'move', from: '/spec/head', path: '/metadata' }]),
    'owner-change',
  ],
  [
    'B31 an owner by the status',
    withBody('patch apps/deployments/status', { metadata: { ownerReferences: [OWNER] } }),
    'owner-change',
  ],
  [
    'B31 an owner of a namespace',
    withBody('patch /namespaces', { metadata: { ownerReferences: [OWNER] } }),
    'owner-change',
  ],
  [
    "B28 a service with somebody's address",
    withBody('create /services', { spec: { externalIPs: ['192.0.2.1'] } }),
    'traffic-redirect',
  ],
  [
    'B28 the same by JSON patch',
    withBody('patch /services', [{ op: 'add', path: '/spec/externalIPs', value: ['192.0.2.1'] }]),
    'traffic-redirect',
  ],
  [
    'B30 the address of its load balancer',
    withBody('patch /services/status', { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } }),
    'traffic-redirect',
  ],
  [
    'B29 a volume whose server gets the Secret',
    withBody('create /pods', pod({ volumes: [{ iscsi: { targetPortal: 'x', secretRef: { name: 's' } } }] })),
    'pod-spec-secret',
  ],
  [
    'B29 a mounted Secret',
    withBody('create /pods', pod({ volumes: [{ secret: { secretName: 's' } }] })),
    'pod-spec-secret',
  ],
  [
    'B29 in a Deployment',
    withBody('create apps/deployments', {
      spec: { template: { spec: { containers: [{ envFrom: [{ secretRef: { name: 's' } }] }] } } },
    }),
    'pod-spec-secret',
  ],
  [
    'B29 in a CronJob',
    withBody('create batch/cronjobs', {
      spec: {
        jobTemplate: {
          spec: {
            template: {
              spec: { containers: [{ env: [{ valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }] },
            },
          },
        },
      },
    }),
    'pod-spec-secret',
  ],
  [
    'B29 projected',
    withBody('create /pods', pod({ volumes: [{ projected: { sources: [{ secret: { name: 's' } }] } }] })),
    'pod-spec-secret',
  ],
  [
    'B29 another service account',
    withBody('create /pods', pod({ serviceAccountName: 'admin' })),
    'pod-spec-identity',
  ],
  [
    'B29 the old name of the field',
    withBody('create /pods', pod({ serviceAccount: 'admin' })),
    'pod-spec-identity',
  ],
  [
    'B29 a projected token',
    withBody(
      'create /pods',
      pod({ volumes: [{ projected: { sources: [{ serviceAccountToken: { audience: 'x' } }] } }] }),
    ),
    'pod-spec-identity',
  ],
  [
    'B29 in an unknown custom resource',
    withBody('create example.com/widgets', {
      spec: { deep: [{ podTemplate: { spec: { hostNetwork: true } } }] },
    }),
    'pod-spec-host',
  ],
  [
    'B29 by a merge patch of one field',
    withBody('patch apps/deployments', { spec: { template: { spec: { hostNetwork: true } } } }),
    'pod-spec-host',
  ],
  [
    'B29 by a JSON patch of one field',
    withBody('patch apps/deployments', [
      { op: 'replace', path: '/spec/template/spec/containers/0/securityContext/privileged', value: true },
    ]),
    'pod-spec-host',
  ],
  [
    'B29 by a JSON patch that copies',
    withBody('patch apps/deployments', [
      { op: 'copy', from: '/metadata/annotations', path: '/spec/template/spec/volumes/0/hostPath' },
    ]),
    'pod-spec-host',
  ],
  [
    'B29 by a volume that a claim will use',
    withBody('create /persistentvolumes', { spec: { hostPath: { path: '/' } } }),
    'pod-spec-host',
  ],
  ['B30 placing a pod', facts('create /pods/binding'), 'pod-binding'],
  ['B30 placing a pod, the other way', facts('create /bindings'), 'pod-binding'],
  ['B30 eviction', facts('create /pods/eviction'), 'eviction'],
  ['B30 a node', facts('patch /nodes'), 'control-plane'],
  ['B30 its status', facts('patch /nodes/status'), 'control-plane'],
  ['B30 a status', facts('patch /pods/status'), 'status-write'],
  ['B30 finalize', facts('update /namespaces/finalize'), 'control-plane'],
  ['B30 scale', facts('patch apps/deployments/scale'), 'scale'],
  ['B30 resize', facts('patch /pods/resize'), 'resize'],
  ['B31 a collection', facts('deletecollection /pods', { name: '' }), 'collection-delete'],
  ['B31 a namespace', facts('delete /namespaces'), 'collection-delete'],
  [
    'B33 a server-side apply that may create is judged by its body',
    withBody('patch /pods', pod({ hostNetwork: true })),
    'pod-spec-host',
  ],
  [
    'B34 a subresource of an aggregated API',
    facts('get subresources.kubevirt.io/virtualmachineinstances/console'),
    'unknown-subresource',
  ],
  ['B34 one with a familiar name', facts('create example.com/pods/exec'), 'unknown-subresource'],
  ['B34 a verb of its own', facts('impersonate example.com/widgets'), 'unknown-verb'],
  ['B34 scale of a custom resource', facts('update example.com/widgets/scale'), 'scale'],
  ['a secret', facts('get /secrets'), 'secret-read'],
  ['an empty patch answers with the secret', withBody('patch /secrets', {}), 'secret-read'],
  ['a deletion answers with the secret while it has finalizers', facts('delete /secrets'), 'secret-read'],
  ['asking what others may do', facts('create authorization.k8s.io/subjectaccessreviews'), 'access-review'],
  ['asking whose a token is', facts('create authentication.k8s.io/tokenreviews'), 'access-review'],
  ['an endpoint', facts('patch /endpoints'), 'traffic-redirect'],
  ['a write nobody could look into', withBody('create /pods', undefined), 'unjudged-body'],
  [
    'a leader of the control plane',
    facts('update coordination.k8s.io/leases', { namespace: 'kube-system' }),
    'control-plane',
  ],
  [
    'C35 impersonation',
    facts('get /pods', { impersonate: { user: 'u', groups: [], uid: '', extra: [] } }),
    'impersonate',
  ],
  [
    'C35 of a request for no resource',
    facts('get /x', { isResource: false, impersonate: { user: 'u', groups: [], uid: '', extra: [] } }),
    'impersonate',
  ],
] as const) {
  test(`${name}: ${expected}`, () => assert.equal(riskOf(request), expected))
}

for (const [name, request] of [
  ['reading pods', facts('get /pods')],
  ['logs', facts('get /pods/log')],
  ['watching deployments', facts('watch apps/deployments')],
  [
    'an ordinary pod',
    withBody(
      'create /pods',
      pod({
        containers: [
          {
            name: 'a',
            image: 'i',
            securityContext: {
              privileged: false,
              capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
              seccompProfile: { type: 'RuntimeDefault' },
            },
          },
        ],
        hostNetwork: false,
        serviceAccountName: 'default',
        imagePullSecrets: [{ name: 'pull' }],
      }),
    ),
  ],
  [
    'a ConfigMap with such words',
    withBody('create /configmaps', { data: { hostPath: '/x', privileged: 'true', secretName: 's' } }),
  ],
  [
    'an Ingress with a certificate',
    withBody('create networking.k8s.io/ingresses', { spec: { tls: [{ secretName: 'tls' }] } }),
  ],
  ['a new secret', withBody('create /secrets', { type: 'Opaque', data: { a: 'b' } })],
  ['questions about oneself', facts('create authorization.k8s.io/selfsubjectaccessreviews')],
  ['a lease of a workload', withBody('update coordination.k8s.io/leases', { spec: { holderIdentity: 'a' } })],
  [
    'an object that is born with an owner',
    withBody('create /pods', { metadata: { ownerReferences: [OWNER] } }),
  ],
  ['an owner that is taken away', withBody('patch /configmaps', { metadata: { ownerReferences: null } })],
  ['a label of a namespace', withBody('patch /namespaces', { metadata: { labels: { team: 'a' } } })],
  ['a label that is taken away', withBody('patch /namespaces', { metadata: { labels: { team: null } } })],
  [
    'a label of a namespace by JSON patch',
    withBody('patch /namespaces', [{ op: 'add', path: '/metadata/labels/team', value: 'a' }]),
  ],
  ['an ordinary service', withBody('update /services', { spec: { externalIPs: [], ports: [{ port: 80 }] } })],
  ['a plain volume', withBody('create /pods', pod({ volumes: [{ iscsi: { targetPortal: 'x' } }] }))],
  ['reading a status', facts('get apps/deployments/status')],
  ['B32 a dry run has no class of its own', withBody('create /configmaps', { data: {} })],
] as const) {
  test(`${name}: none`, () => assert.deepEqual(risksOf(request), []))
}

test('B32 what a dry run of a pod would do counts as if it were done', () => {
  assert.equal(riskOf(withBody('create /pods', pod({ hostPID: true }))), 'pod-spec-host')
})

test('every class that applies is named, gravest first', () => {
  const all = risksOf(
    withBody(
      'create /pods',
      pod({ hostPID: true, serviceAccountName: 'x', volumes: [{ secret: { secretName: 's' } }] }),
    ),
  )
  assert.deepEqual(all, ['pod-spec-host', 'pod-spec-identity', 'pod-spec-secret'])
  const order = all.map(c => riskClassNames.indexOf(c))
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  )
})

test('a dangerous field is found wherever it stands, in an object or in a patch', () => {
  const danger = fc.constantFrom<[string, unknown]>(
    ['hostNetwork', true],
    ['hostPath', { path: '/' }],
    ['privileged', true],
    ['procMount', 'Unmasked'],
    ['hostPort', 80],
    ['capabilities', { add: ['SYS_ADMIN'] }],
    ['sysctls', [{ name: 'kernel.msgmax', value: '1' }]],
    ['seccompProfile', { type: 'Unconfined' }],
    ['seLinuxOptions', { type: 'spc_t' }],
  )
  const key = fc.constantFrom('spec', 'template', '__proto__', 'constructor', 'a/b', '0', 'items')
  fc.assert(
    fc.property(danger, fc.array(fc.oneof(key, fc.constant(0)), { maxLength: 6 }), ([field, value], path) => {
      const dangerous = Object.assign(Object.create(null), { [field]: value })
      const nested = [...path].reverse().reduce<unknown>((inner, step) => {
        if (step === 0) return [{}, inner]
        const outer = Object.create(null)
        outer[step] = inner
        return outer
      }, dangerous)
      assert.ok(podSpecRisks({ body: nested }).has('pod-spec-host'))
      const pointer = [...path, field]
        .map(s => `/${String(s).replaceAll('~', '~0').replaceAll('/', '~1')}`)
        .join('')
      assert.ok(podSpecRisks([{ op: 'add', path: pointer, value }]).has('pod-spec-host'), pointer)
      assert.ok(podSpecRisks([{ op: 'copy', from: '/x', path: pointer }]).has('pod-spec-host'), pointer)
      assert.equal(podSpecRisks([{ op: 'remove', path: pointer }]).size, 0)
    }),
  )
})

test('whatever a body is, it is judged and not choked on', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), object => {
      for (const verb of ['create', 'patch']) risksOf(withBody(`${verb} /pods`, object))
    }),
  )
})
