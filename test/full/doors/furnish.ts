import type { Direct } from '../../e2e/direct.ts'
import {
  APPLY,
  type Door,
  deployment,
  forClient,
  MERGE,
  OPEN,
  object,
  pod,
  RBAC,
  role,
  SHOP,
  TREASURE,
} from './door.ts'

/** A request for a certificate of nobody (CN=x); its signer is nobody either. */
const ASKED =
  'MIHGMG4CAQAwDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEpZzYGHcO3EeM6ZjXky2vd8GPRgVLpxJoDV//+dnXQDCKpkN2g4a+/sXa7ttVxLxpnR3dttzrvZ5oAbcQ3kBkCgADAKBggqhkjOPQQDAgNIADBFAiEAvteQRJMlbkIud8YGjlhjAeSosV/CoxRyKep9vUjzGgQCIAKv1lRUbXpxikSSxqlo90dO1f0PL1GQBYHeua2b7wLX'
const PEM = `-----BEGIN CERTIFICATE REQUEST-----\n${ASKED.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`
const SETTER = '?fieldManager=setter&force=true'

const crd = (plural: string, kind: string, group: string): object =>
  object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', `${plural}.${group}`, {
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
        },
      ],
    },
  })

const subject = (kind: string, name: string): object => ({ apiGroup: role.apiGroup, kind, name })

type Thing = readonly [path: string, object: object]
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const plain = { a: 'b' }

/** In the order in which they need each other. */
const once: readonly Thing[] = [
  ['/api/v1/namespaces/shop', object('v1', 'Namespace', 'shop')],
  ['/api/v1/namespaces/open', object('v1', 'Namespace', 'open')],
  ['/api/v1/namespaces/callers', object('v1', 'Namespace', 'callers')],
  [`${CRDS}/widgets.example.dev`, crd('widgets', 'Widget', 'example.dev')],
  [`${CRDS}/gadgets.toys.dev`, crd('gadgets', 'Gadget', 'toys.dev')],
  ['/api/v1/nodes/n', object('v1', 'Node', 'n')],
  [
    `${RBAC}/clusterroles/looker`,
    object('rbac.authorization.k8s.io/v1', 'ClusterRole', 'looker', { rules: [] }),
  ],
  [
    `${RBAC}/clusterrolebindings/everything`,
    object('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'everything', {
      roleRef: role,
      subjects: [
        subject('Group', 'sallyport:callers'),
        subject('Group', 'system:serviceaccounts:callers'),
        subject('User', 'root'),
      ],
    }),
  ],
  [`${SHOP}/secrets/treasure`, object('v1', 'Secret', 'treasure', { stringData: { key: TREASURE } })],
  [`${OPEN}/secrets/treasure`, object('v1', 'Secret', 'treasure', { stringData: { key: TREASURE } })],
  [`${SHOP}/configmaps/palette`, object('v1', 'ConfigMap', 'palette', { data: plain })],
  [`${OPEN}/serviceaccounts/strong`, object('v1', 'ServiceAccount', 'strong')],
  [
    '/api/v1/namespaces/kube-system/configmaps/aws-auth',
    object('v1', 'ConfigMap', 'aws-auth', { data: { mapRoles: '' } }),
  ],
  ...[SHOP, OPEN].map(
    (namespace): Thing => [
      `${namespace}/services/web`,
      object('v1', 'Service', 'web', { spec: { ports: [{ port: 80 }], selector: { app: 'web' } } }),
    ],
  ),
  [`${SHOP}/pods/web`, pod('web', {}, { labels: { app: 'none' } })],
  ['/apis/apps/v1/namespaces/shop/deployments/web', deployment('web')],
  ['/apis/apps/v1/namespaces/open/deployments/plain', deployment('plain')],
  [
    '/apis/apps/v1/namespaces/shop/deployments/other',
    {
      ...deployment('other'),
      metadata: { name: 'other', annotations: { note: 'docker.io/library/evil:2' } },
    },
  ],
  [
    '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/h',
    object('autoscaling/v2', 'HorizontalPodAutoscaler', 'h', {
      spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'absent' } },
    }),
  ],
]

/** Those that the doors destroy or change: one of each for each client. */
const each: readonly Thing[] = [
  ['/api/v1/namespaces/victim-{v}', object('v1', 'Namespace', 'victim-{v}')],
  [
    '/api/v1/namespaces/guarded-{v}',
    object('v1', 'Namespace', 'guarded-{v}', {
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
    }),
  ],
  [`${SHOP}/pods/worker-{v}`, pod('worker-{v}', {}, { labels: { v: '{v}' } })],
  [`${OPEN}/pods/p-{v}`, pod('p-{v}', {})],
  [`${OPEN}/pods/p2-{v}`, pod('p2-{v}', {})],
  [
    `${RBAC}/namespaces/open/rolebindings/kept-{v}`,
    object('rbac.authorization.k8s.io/v1', 'RoleBinding', 'kept-{v}', {
      metadata: { labels: { v: '{v}' } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [],
    }),
  ],
  [
    '/apis/certificates.k8s.io/v1/certificatesigningrequests/csr-{v}',
    object('certificates.k8s.io/v1', 'CertificateSigningRequest', 'csr-{v}', {
      spec: {
        request: Buffer.from(PEM).toString('base64'),
        signerName: 'example.dev/x',
        usages: ['client auth'],
      },
    }),
  ],
]
const widget: Thing = [
  '/apis/example.dev/v1/namespaces/shop/widgets/w',
  object('example.dev/v1', 'Widget', 'w', { spec: { replicas: 1 } }),
]

/** What all doors share. */
export async function furnish(direct: Direct): Promise<void> {
  await make(direct, [...once, widget])
  // kubectl forwards ports of what runs only.
  const running = { status: { phase: 'Running' } }
  const { status } = await direct(`${SHOP}/pods/web/status`, { method: 'PATCH', body: running, type: MERGE })
  if (status !== 200) throw new Error(`the status of a pod: ${status}`)
}

/** What this door destroys or changes; the number of objects. */
export async function furnishFor(direct: Direct, door: Door, v: string): Promise<number> {
  const text = JSON.stringify(forClient(door, v))
  const own = forClient(each, v).filter(([path]) => text.includes(path.slice(path.lastIndexOf('/') + 1)))
  await make(direct, own)
  return own.length
}

async function make(direct: Direct, things: readonly Thing[]): Promise<void> {
  for (const [path, body] of things) {
    const answer = await direct(`${path}${SETTER}`, { method: 'PATCH', body, type: APPLY })
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.body}`)
  }
}

const WATCHED = [
  ...[
    'namespaces',
    'nodes',
    'pods',
    'secrets',
    'configmaps',
    'serviceaccounts',
    'services',
    'endpoints',
    'limitranges',
    'persistentvolumes',
  ].map(r => `/api/v1/${r}`),
  ...['deployments', 'replicasets', 'daemonsets', 'statefulsets'].map(r => `/apis/apps/v1/${r}`),
  ...['jobs', 'cronjobs'].map(r => `/apis/batch/v1/${r}`),
  ...['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(r => `${RBAC}/${r}`),
  ...['mutatingwebhookconfigurations', 'validatingadmissionpolicies'].map(
    r => `/apis/admissionregistration.k8s.io/v1/${r}`,
  ),
  CRDS,
  '/apis/apiregistration.k8s.io/v1/apiservices',
  '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  '/apis/discovery.k8s.io/v1/endpointslices',
  '/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
  '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases',
  '/apis/example.dev/v1/widgets',
]

/** Every object that a door could touch, as the API server has it, but for what controllers say of it all day. */
export async function picture(direct: Direct): Promise<ReadonlyMap<string, string>> {
  const seen = new Map<string, string>()
  for (const path of WATCHED) {
    const answer = await direct(path)
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`)
    for (const { metadata, status: state, ...rest } of answer.json.items) {
      const { resourceVersion: _, managedFields: __, namespace = '', name, ...meta } = metadata
      if (namespace === 'callers') continue
      // Their holders renew them all the time.
      if (path.endsWith('/leases')) delete rest.spec
      if (path.endsWith('/nodes')) delete rest.spec
      const kept = /nodes|apiservices|customresource/.test(path) ? undefined : state
      seen.set(`${path} ${namespace}/${name}`, JSON.stringify([meta, rest, kept]))
    }
  }
  return seen
}

export function differences(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names]
    .filter(name => before.get(name) !== after.get(name))
    .map(name => `${name}\n  ${before.get(name)}\n  ${after.get(name)}`)
}
