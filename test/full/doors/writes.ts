import {
  APPLY,
  container,
  type Door,
  deployment,
  get,
  JSON_PATCH,
  OPEN,
  object,
  patch,
  post,
  put,
  remove,
  SHOP,
  STRATEGIC,
} from './door.ts'

const namespace = { rule: 'guards/delete-namespace-needs-approval', effect: 'hold' } as const
const pods = { rule: 'guards/keep-pods', effect: 'deny' } as const
const web = { rule: 'guards/keep-web', effect: 'deny' } as const
const images = { rule: 'guards/own-images', effect: 'deny' } as const
const storage = { rule: 'guards/volumes-need-approval', effect: 'hold' } as const
const redirect = { rule: 'defaults/traffic-redirect', effect: 'deny' } as const

const NAMESPACE = '/api/v1/namespaces/victim-{v}'
const POD = `${SHOP}/pods/worker-{v}`
const APPS = '/apis/apps/v1/namespaces/shop/deployments'
/** Of an owner that is not there the garbage collector deletes what it owned. */
const orphaned = {
  metadata: {
    ownerReferences: [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: '00000000-0000-0000-0000-000000000001' },
    ],
  },
}
const orphanedCluster = {
  metadata: {
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Namespace', name: 'gone', uid: '00000000-0000-0000-0000-000000000002' },
    ],
  },
}
const owners = (value: object): object[] => [
  {
    op: 'add',
    path: '/metadata/ownerReferences',
    value: (value as typeof orphaned).metadata.ownerReferences,
  },
]
const options = { kind: 'DeleteOptions', apiVersion: 'v1' }
const eviction = object('policy/v1', 'Eviction', 'worker-{v}')
const binding = object('v1', 'Binding', 'web', { target: { kind: 'Node', name: 'n' } })

/** What is deleted under another name. */
const deletes: readonly Door[] = [
  {
    number: 'front',
    title: 'delete a namespace',
    ...namespace,
    kubectl: ['delete', 'namespace', 'victim-{v}', '--wait=false'],
    raw: [remove(NAMESPACE), remove(NAMESPACE, { ...options, propagationPolicy: 'Background' })],
    gone: '/api/v1/namespaces/victim-{v}',
  },
  {
    number: 'B32',
    title: 'the same, as a dry run that its body takes back',
    ...namespace,
    kubectl: 'raw only',
    raw: [
      remove(`${NAMESPACE}?dryRun=All`, options),
      remove(`${NAMESPACE}?dryRun=All`, { ...options, dryRun: [] }),
    ],
    gone: '/api/v1/namespaces/victim-{v}',
  },
  {
    number: 'B32',
    title: 'the same, as a dry run that the cluster does not take for one',
    ...namespace,
    kubectl: ['delete', '--raw', `${NAMESPACE}?dryrun=All`],
    raw: [
      remove(`${NAMESPACE}?dryrun=All`),
      { ...remove(`${NAMESPACE}?dryRun=all`), refused: 'request-ambiguous' },
      { ...remove(`${NAMESPACE}?dryRun=`), refused: 'request-ambiguous' },
    ],
    gone: NAMESPACE,
  },
  {
    number: 'B30',
    title: 'finalize it',
    ...namespace,
    kubectl: ['replace', '--raw', `${NAMESPACE}/finalize`, '-f', '-'],
    stdin: object('v1', 'Namespace', 'victim-{v}', { spec: { finalizers: ['example.dev/{v}'] } }),
    raw: [put(`${NAMESPACE}/finalize`, object('v1', 'Namespace', 'victim-{v}', { spec: {} }))],
  },
  {
    number: 'B31',
    title: 'an owner that is not there deletes it',
    ...namespace,
    kubectl: ['patch', 'namespace', 'victim-{v}', '--type=merge', '-p', JSON.stringify(orphanedCluster)],
    raw: [
      patch(NAMESPACE, orphanedCluster),
      patch(NAMESPACE, owners(orphanedCluster), JSON_PATCH),
      patch(
        `${NAMESPACE}?fieldManager=m`,
        {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'victim-{v}', ...orphanedCluster.metadata },
        },
        APPLY,
      ),
      patch(`${NAMESPACE}/status`, orphanedCluster),
    ],
    gone: '/api/v1/namespaces/victim-{v}',
  },
  {
    number: 'front',
    title: 'delete a pod',
    ...pods,
    kubectl: ['-n', 'shop', 'delete', 'pod', 'worker-{v}', '--wait=false'],
    raw: [remove(POD)],
  },
  {
    number: 'B30',
    title: 'evict it',
    ...pods,
    kubectl: ['create', '--raw', `${POD}/eviction`, '-f', '-'],
    stdin: eviction,
    raw: [post(`${POD}/eviction`, eviction)],
  },
  {
    number: 'B31',
    title: 'delete all that have a label',
    ...pods,
    kubectl: ['delete', '--raw', `${SHOP}/pods?labelSelector=v%3D{v}`],
    raw: [
      remove(`${SHOP}/pods?labelSelector=v%3D{v}`),
      remove(`${SHOP}/pods?fieldSelector=metadata.name%3Dworker-{v}`),
    ],
  },
  {
    number: 'B31',
    title: 'kubectl delete -l, --all',
    ...pods,
    needs: 'worker-{v}',
    kubectl: ['-n', 'shop', 'delete', 'pods', '-l', 'v={v}', '--wait=false'],
    raw: [remove(`${SHOP}/pods`)],
  },
  {
    number: 'B31',
    title: 'delete the namespace around it',
    ...pods,
    kubectl: ['delete', 'namespace', 'shop', '--wait=false', '--dry-run=server'],
    raw: [remove('/api/v1/namespaces/shop?dryRun=All')],
    open: 'answers',
  },
  {
    number: 'B31',
    title: 'an owner that is not there deletes it',
    ...pods,
    kubectl: ['-n', 'shop', 'patch', 'pod', 'worker-{v}', '--type=merge', '-p', JSON.stringify(orphaned)],
    raw: [
      patch(POD, orphaned),
      patch(POD, owners(orphaned), JSON_PATCH),
      patch(POD, orphaned, STRATEGIC),
      patch(
        `${POD}?fieldManager=m`,
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'worker-{v}', ...orphaned.metadata } },
        APPLY,
      ),
    ],
    gone: `${POD}`,
  },
]

const replicas = { spec: { replicas: 0, paused: true } }
const scale = object('autoscaling/v1', 'Scale', 'web', {
  metadata: { namespace: 'shop' },
  spec: { replicas: 1 },
})
const foreign = { ...container, image: 'docker.io/library/evil:1' }
const foreignSpec = { spec: { template: { spec: { containers: [foreign] } } } }

/** A deployment that nobody may change, and images that may come from one place only. */
const changes: readonly Door[] = [
  {
    number: 'front',
    title: 'patch a deployment',
    ...web,
    kubectl: ['-n', 'shop', 'patch', 'deployment', 'web', '-p', JSON.stringify(replicas)],
    raw: [
      patch(`${APPS}/web`, replicas),
      put(`${APPS}/web`, deployment('web', { terminationGracePeriodSeconds: 7 })),
    ],
  },
  {
    number: 'B30',
    title: 'scale it',
    ...web,
    kubectl: ['-n', 'shop', 'scale', 'deployment', 'web', '--replicas=2'],
    raw: [put(`${APPS}/web/scale`, scale), patch(`${APPS}/web/scale`, { spec: { replicas: 3 } })],
  },
  {
    number: 'B34',
    title: 'its status',
    ...web,
    kubectl: [
      '-n',
      'shop',
      'patch',
      'deployment',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"metadata":{"annotations":{"v":"{v}"}}}',
    ],
    raw: [patch(`${APPS}/web/status`, { metadata: { annotations: { v: 'raw' } } })],
  },
  {
    number: 'B33',
    title: 'apply it',
    ...web,
    kubectl: ['-n', 'shop', 'apply', '--server-side', '--force-conflicts', '-f', '-'],
    stdin: deployment('web', { terminationGracePeriodSeconds: 5 }),
    raw: [
      patch(
        `${APPS}/web?fieldManager=m&force=true`,
        deployment('web', { terminationGracePeriodSeconds: 6 }),
        APPLY,
      ),
    ],
  },
  {
    number: 'front',
    title: 'an image from elsewhere',
    ...images,
    kubectl: ['-n', 'shop', 'set', 'image', 'deployment/other', 'c=docker.io/library/evil:1'],
    raw: [
      patch(`${APPS}/other`, foreignSpec, STRATEGIC),
      post(APPS, deployment('foreign-{v}', { containers: [foreign] })),
    ],
  },
  {
    number: 'B33',
    title: 'the image by a JSON patch that copies it from an annotation',
    ...images,
    kubectl: [
      '-n',
      'shop',
      'patch',
      'deployment',
      'other',
      '--type=json',
      '-p',
      '[{"op":"copy","from":"/metadata/annotations/note","path":"/spec/template/spec/containers/0/image"}]',
    ],
    raw: [
      patch(
        `${APPS}/other`,
        [{ op: 'copy', from: '/metadata/annotations/note', path: '/spec/template/spec/containers/0/image' }],
        JSON_PATCH,
      ),
      patch(
        `${APPS}/other`,
        [{ op: 'add', path: '/spec/template/spec/initContainers', value: [{ name: 'i', image: 'evil:1' }] }],
        JSON_PATCH,
      ),
      patch(
        `${APPS}/foreign2-{v}?fieldManager=m`,
        deployment('foreign2-{v}', { containers: [foreign] }),
        APPLY,
      ),
    ],
  },
]

const flag = object('v1', 'ConfigMap', 'flag', { data: { v: '{v}' } })
const limits = object('v1', 'LimitRange', 'limits-{v}', { spec: { limits: [] } })
const slice = object('discovery.k8s.io/v1', 'EndpointSlice', 'slice-{v}', {
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.9.9.9'] }],
  metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
})
const service = (name: string): object =>
  object('v1', 'Service', name, { spec: { ports: [{ port: 80 }], externalIPs: ['192.0.2.7'] } })
const volume = (name: string): object =>
  object('v1', 'PersistentVolume', name, {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      nfs: { server: '192.0.2.1', path: '/' },
    },
  })

/** What is made or moved under another verb or another name. */
const makes: readonly Door[] = [
  {
    number: 'front',
    title: 'create a ConfigMap',
    rule: 'guards/no-flag',
    effect: 'deny',
    kubectl: ['-n', 'shop', 'create', 'configmap', 'flag', '--from-literal=a=b'],
    raw: [post(`${SHOP}/configmaps`, flag)],
  },
  {
    number: 'B33',
    title: 'by server-side apply',
    rule: 'guards/no-flag',
    effect: 'deny',
    kubectl: ['-n', 'shop', 'apply', '--server-side', '--force-conflicts', '-f', '-'],
    stdin: flag,
    raw: [patch(`${SHOP}/configmaps/flag?fieldManager=m&force=true`, flag, APPLY)],
  },
  {
    number: 'B33',
    title: 'by a generated name that could be it',
    rule: 'guards/no-flag',
    effect: 'deny',
    kubectl: 'raw only',
    raw: [
      post(`${SHOP}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'fl' } }),
    ],
  },
  {
    number: 'B33',
    title: 'by a PUT that creates',
    rule: 'guards/no-limits',
    effect: 'deny',
    kubectl: ['replace', '--raw', `${SHOP}/limitranges/limits-{v}`, '-f', '-'],
    stdin: limits,
    raw: [put(`${SHOP}/limitranges/limits2-{v}`, { ...limits, metadata: { name: 'limits2-{v}' } })],
  },
  {
    number: 'B30',
    title: 'a pod on a chosen node',
    rule: 'defaults/pod-binding',
    effect: 'deny',
    kubectl: ['create', '--raw', `${OPEN}/pods/p-{v}/binding`, '-f', '-'],
    stdin: { ...binding, metadata: { name: 'p-{v}' } },
    raw: [
      post(`${OPEN}/bindings`, { ...binding, metadata: { name: 'p-{v}' } }),
      post(`${OPEN}/pods/p2-{v}/binding`, { ...binding, metadata: { name: 'p2-{v}' } }),
    ],
  },
  {
    number: 'B28',
    title: 'the traffic of a service',
    ...redirect,
    kubectl: ['-n', 'open', 'create', '-f', '-'],
    stdin: slice,
    raw: [
      post('/apis/discovery.k8s.io/v1/namespaces/open/endpointslices', slice),
      post(
        `${OPEN}/endpoints`,
        object('v1', 'Endpoints', 'e-{v}', {
          subsets: [{ addresses: [{ ip: '10.9.9.9' }], ports: [{ port: 80 }] }],
        }),
      ),
    ],
  },
  {
    number: 'B28',
    title: "somebody else's address for a service of one's own",
    ...redirect,
    kubectl: ['-n', 'open', 'create', '-f', '-'],
    stdin: service('ip-{v}'),
    raw: [
      post(`${OPEN}/services`, service('ip2-{v}')),
      patch(
        `${OPEN}/services/web`,
        [{ op: 'add', path: '/spec/externalIPs', value: ['192.0.2.8'] }],
        JSON_PATCH,
      ),
      patch(`${OPEN}/services/web/status`, { status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } } }),
    ],
  },
  {
    number: 'B28',
    title: 'storage outside of the cluster',
    ...storage,
    kubectl: ['create', '-f', '-'],
    stdin: volume('v-{v}'),
    raw: [
      post('/api/v1/persistentvolumes', volume('v2-{v}')),
      patch(`/api/v1/persistentvolumes/v3-{v}?fieldManager=m`, volume('v3-{v}'), APPLY),
    ],
  },
  {
    number: 'B34',
    title: 'a subresource that discovery does not have',
    rule: 'defaults/unknown-subresource',
    effect: 'deny',
    open: 'taken',
    kubectl: ['create', '--raw', '/apis/example.dev/v1/namespaces/open/widgets/x/use', '-f', '-'],
    stdin: {},
    raw: [
      post('/apis/example.dev/v1/namespaces/open/widgets/x/use', {}),
      get('/apis/example.dev/v1/namespaces/open/widgets/x/use'),
    ],
  },
  {
    number: 'B34',
    title: 'the scale of a custom resource is a change of it',
    rule: 'guards/keep-widget',
    effect: 'deny',
    kubectl: ['-n', 'shop', 'scale', 'widget', 'w', '--replicas=2'],
    raw: [
      patch('/apis/example.dev/v1/namespaces/shop/widgets/w/scale', { spec: { replicas: 3 } }),
      patch('/apis/example.dev/v1/namespaces/shop/widgets/w/status', { status: { a: '{v}' } }),
    ],
  },
]
export const writeDoors: readonly Door[] = [...deletes, ...changes, ...makes]
