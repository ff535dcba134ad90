import {
  APPLY,
  type Door,
  get,
  JSON_PATCH,
  OPEN,
  object,
  patch,
  post,
  put,
  RBAC,
  remove,
  role,
  roleBinding,
  SHOP,
} from './door.ts'

const minted = { rule: 'defaults/token-mint', effect: 'deny' } as const
const csr = { rule: 'defaults/csr', effect: 'deny' } as const
const held = { rule: 'guards/rbac-needs-approval', effect: 'hold' } as const
const admission = { rule: 'guards/admission-needs-approval', effect: 'hold' } as const
const cloud = { rule: 'guards/account-identity-needs-approval', effect: 'hold' } as const

const CERTIFICATES = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const tokenRequest = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec: { audiences: [] } }
const account = (key: string): object =>
  object('v1', 'Secret', 'token-{v}', {
    type: 'kubernetes.io/service-account-token',
    metadata: { annotations: { [key]: 'default' } },
  })
const tokenSecret = account('kubernetes.io/service-account.name')
const bootstrap = object('v1', 'Secret', 'bootstrap-token-{v}', {
  type: 'bootstrap.kubernetes.io/token',
  stringData: { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef' },
})
const approved = {
  status: {
    conditions: [
      { type: 'Approved', status: 'True', reason: 'x', message: 'x', lastUpdateTime: '2026-01-01T00:00:00Z' },
    ],
  },
}

/** Credentials of the cluster that would leave the gateway. */
const credentials: readonly Door[] = [
  {
    number: 'B26',
    title: 'TokenRequest',
    ...minted,
    open: 'answers',
    kubectl: ['-n', 'shop', 'create', 'token', 'default'],
    raw: [post(`${SHOP}/serviceaccounts/default/token`, tokenRequest)],
  },
  {
    number: 'B27',
    title: 'a Secret that becomes a token',
    ...minted,
    kubectl: ['-n', 'shop', 'create', '-f', '-'],
    stdin: tokenSecret,
    raw: [post(`${SHOP}/secrets`, tokenSecret)],
  },
  {
    number: 'B27',
    title: 'a bootstrap token',
    ...minted,
    kubectl: ['-n', 'kube-system', 'create', '-f', '-'],
    stdin: bootstrap,
    raw: [post('/api/v1/namespaces/kube-system/secrets', bootstrap)],
  },
  {
    number: 'B27',
    title: 'the approval of a certificate',
    ...csr,
    kubectl: ['certificate', 'approve', 'csr-{v}'],
    raw: [patch(`${CERTIFICATES}/csr-{v}/approval`, approved)],
  },
  {
    number: 'B27',
    title: 'its certificate',
    ...csr,
    kubectl: [
      'patch',
      'csr',
      'csr-{v}',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"conditions":[{"type":"Failed","status":"True","reason":"x","message":"x"}]}}',
    ],
    raw: [
      patch(`${CERTIFICATES}/csr-{v}/status`, {
        status: { conditions: [{ type: 'Failed', status: 'True', reason: 'x', message: 'x' }] },
      }),
    ],
  },
]

const clusterBinding = object('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'mallory-{v}', {
  roleRef: role,
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'mallory' }],
})
const awsAuth = { data: { mapUsers: '- userarn: {v}' } }

/** Rights: whatever changes who may do what waits for a second person. */
const rights: readonly Door[] = [
  {
    number: 'B28',
    title: 'a binding of the cluster',
    ...held,
    kubectl: ['create', 'clusterrolebinding', 'mallory-{v}', '--clusterrole=cluster-admin', '--user=mallory'],
    raw: [post(`${RBAC}/clusterrolebindings`, clusterBinding)],
  },
  {
    number: 'B33',
    title: 'a binding by PUT and by apply, of which each creates',
    ...held,
    kubectl: ['-n', 'shop', 'apply', '--server-side', '-f', '-'],
    stdin: roleBinding('apply-{v}'),
    raw: [
      put(`${RBAC}/namespaces/shop/rolebindings/put-{v}`, roleBinding('put-{v}')),
      patch(`${RBAC}/namespaces/shop/rolebindings/ssa-{v}?fieldManager=m`, roleBinding('ssa-{v}'), APPLY),
    ],
  },
  {
    number: 'B28',
    title: 'kubectl auth reconcile',
    ...held,
    // It panics on a refusal.
    kubectlIsTold: 'its own words',
    kubectl: ['auth', 'reconcile', '-f', '-'],
    stdin: roleBinding('reconciled-{v}'),
    raw: [post(`${RBAC}/namespaces/shop/rolebindings`, roleBinding('made-{v}'))],
  },
  {
    number: 'B28',
    title: 'a role that another role takes in by its label',
    ...held,
    kubectl: ['label', 'clusterrole', 'looker', 'rbac.authorization.k8s.io/aggregate-to-view={v}'],
    raw: [
      patch(`${RBAC}/clusterroles/looker`, {
        metadata: { labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
      }),
      patch(`${RBAC}/clusterroles/looker`, {
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { v: '{v}' } }] },
      }),
    ],
  },
  {
    number: 'B31',
    title: 'all bindings away at once',
    ...held,
    needs: 'kept-{v}',
    kubectl: ['delete', '--raw', `${RBAC}/namespaces/open/rolebindings?labelSelector=v%3D{v}`],
    raw: [remove(`${RBAC}/namespaces/open/rolebindings?labelSelector=v%3D{v}`)],
  },
  {
    number: 'B28',
    title: 'the map of users of EKS',
    ...held,
    kubectl: [
      '-n',
      'kube-system',
      'patch',
      'configmap',
      'aws-auth',
      '--type=merge',
      '-p',
      JSON.stringify(awsAuth),
    ],
    raw: [patch('/api/v1/namespaces/kube-system/configmaps/aws-auth', awsAuth)],
  },
  {
    number: 'B28',
    title: 'the role of a cloud, by the annotation of a service account',
    ...cloud,
    kubectl: [
      '-n',
      'open',
      'annotate',
      'serviceaccount',
      'strong',
      'eks.amazonaws.com/role-arn=arn:aws:iam::1:role/{v}',
      '--overwrite',
    ],
    raw: [
      patch(
        `${OPEN}/serviceaccounts/strong`,
        [
          {
            op: 'add',
            path: '/metadata/annotations',
            value: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::2:role/{v}' },
          },
        ],
        JSON_PATCH,
      ),
      post(
        `${OPEN}/serviceaccounts`,
        object('v1', 'ServiceAccount', 'cloud-{v}', {
          metadata: { annotations: { 'iam.gke.io/gcp-service-account': 'a@b' } },
        }),
      ),
    ],
  },
]

const clientConfig = { url: 'https://127.0.0.1:9/{v}' }
const webhook = object('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', 'hook-{v}', {
  webhooks: [
    {
      name: 'h.example.dev',
      clientConfig,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      failurePolicy: 'Ignore',
      rules: [{ apiGroups: ['none.example.dev'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }],
    },
  ],
})
const policy = object('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'vap-{v}', {
  spec: {
    failurePolicy: 'Ignore',
    matchConstraints: {
      resourceRules: [
        { apiGroups: ['none.example.dev'], apiVersions: ['*'], operations: ['*'], resources: ['*'] },
      ],
    },
    validations: [{ expression: 'true' }],
  },
})
const apiService = object('apiregistration.k8s.io/v1', 'APIService', '{v}.none.example.dev', {
  spec: {
    group: 'none.example.dev',
    version: '{v}',
    groupPriorityMinimum: 1,
    versionPriority: 1,
    insecureSkipTLSVerify: true,
    service: { namespace: 'shop', name: 'web' },
  },
})
const conversion = {
  spec: { conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig } } },
}
const flow = object('flowcontrol.apiserver.k8s.io/v1', 'PriorityLevelConfiguration', 'flow-{v}', {
  spec: { type: 'Limited', limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } } },
})
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
const lease = (name: string): object =>
  object('coordination.k8s.io/v1', 'Lease', name, { spec: { holderIdentity: 'mallory' } })
const GUARDED = '/api/v1/namespaces/guarded-{v}'
const guarded = (labels: object): object => object('v1', 'Namespace', 'guarded-{v}', { metadata: { labels } })
const free = { 'pod-security.kubernetes.io/enforce': 'privileged' }

/** How the API server works. */
const server: readonly Door[] = [
  {
    number: 'B28',
    title: 'a webhook',
    ...admission,
    kubectl: ['create', '-f', '-'],
    stdin: webhook,
    raw: [post('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', webhook)],
  },
  {
    number: 'B28',
    title: 'an admission policy',
    ...admission,
    kubectl: ['create', '-f', '-'],
    stdin: policy,
    raw: [post('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', policy)],
  },
  {
    number: 'B28',
    title: 'an API service',
    ...admission,
    kubectl: ['create', '-f', '-'],
    stdin: apiService,
    raw: [post('/apis/apiregistration.k8s.io/v1/apiservices', apiService)],
  },
  {
    number: 'B28',
    title: 'a conversion webhook',
    ...admission,
    kubectl: ['patch', 'crd', 'gadgets.toys.dev', '--type=merge', '-p', JSON.stringify(conversion)],
    raw: [patch('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.toys.dev', conversion)],
  },
  {
    number: 'B28',
    title: 'the priority of requests',
    ...admission,
    kubectl: ['create', '-f', '-'],
    stdin: flow,
    raw: [post('/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations', flow)],
  },
  {
    number: 'B28',
    title: 'the level of Pod Security, by its label',
    ...admission,
    kubectl: ['label', 'namespace', 'guarded-{v}', 'pod-security.kubernetes.io/enforce-'],
    raw: [
      patch(GUARDED, { metadata: { labels: free } }),
      patch(
        GUARDED,
        [{ op: 'remove', path: '/metadata/labels/pod-security.kubernetes.io~1enforce' }],
        JSON_PATCH,
      ),
    ],
  },
  {
    number: 'B28',
    title: 'the same, without a word of it: all labels away',
    ...admission,
    kubectl: ['patch', 'namespace', 'guarded-{v}', '--type=merge', '-p', '{"metadata":{"labels":null}}'],
    raw: [
      patch(GUARDED, [{ op: 'remove', path: '/metadata/labels' }], JSON_PATCH),
      patch(
        GUARDED,
        { metadata: { labels: { $patch: 'replace', a: 'b' } } },
        'application/strategic-merge-patch+json',
      ),
      put(GUARDED, guarded({ a: 'b' })),
    ],
  },
  {
    number: 'B33',
    title: 'the same, by an apply that leaves it out',
    ...admission,
    kubectl: ['apply', '--server-side', '--field-manager=setter', '-f', '-'],
    stdin: guarded({ a: '{v}' }),
    raw: [patch(`${GUARDED}?fieldManager=setter`, guarded({ a: 'b' }), APPLY)],
  },
  {
    number: 'B30',
    title: 'the same, by its status',
    ...admission,
    kubectl: [
      'patch',
      'namespace',
      'guarded-{v}',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ metadata: { labels: free } }),
    ],
    raw: [
      patch(`${GUARDED}/status`, { metadata: { labels: free } }),
      put(`${GUARDED}/status`, guarded({ a: 'b' })),
    ],
  },
  {
    number: 'B30',
    title: 'a lease that leads a controller of the cluster',
    ...admission,
    kubectl: ['replace', '--raw', `${LEASES}/{v}`, '-f', '-'],
    stdin: lease('{v}'),
    raw: [
      post(LEASES, lease('{v}-2')),
      put(`${LEASES}/{v}`, lease('{v}')),
      patch(`${LEASES}/{v}-3?fieldManager=m`, lease('{v}-3'), APPLY),
    ],
  },
  {
    number: 'B30',
    title: 'a node that takes no more pods',
    ...admission,
    open: 'answers',
    kubectl: ['taint', 'node', 'n', 'a={v}:NoExecute'],
    raw: [
      patch('/api/v1/nodes/n', { metadata: { annotations: { a: '{v}' } } }),
      patch('/api/v1/nodes/n', [{ op: 'add', path: '/metadata/labels', value: { a: '{v}' } }], JSON_PATCH),
    ],
  },
  {
    number: 'B30',
    title: 'a node',
    ...admission,
    kubectl: ['label', 'node', 'n', 'a={v}', '--overwrite'],
    raw: [
      patch('/api/v1/nodes/n', { metadata: { labels: { b: '{v}' } } }),
      patch('/api/v1/nodes/n/status', { metadata: { labels: { c: '{v}' } } }),
    ],
  },
]

export const rightDoors: readonly Door[] = [
  ...credentials,
  ...rights,
  ...server,
  {
    number: 'A18',
    title: 'paths that are no resources',
    rule: 'none',
    effect: 'deny',
    open: 'answers',
    kubectl: ['get', '--raw', '/metrics'],
    raw: [get('/metrics'), get('/debug/pprof/'), get('/configz'), get('/logs/')],
  },
]
