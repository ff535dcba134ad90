/**
 * The part of the Kubernetes API that generated requests draw from: the same resources as the oracle's route
 * table. Letters: l(ist) c(reate) g(et) u(pdate) p(atch) d(elete) D(eletecollection) x (connected to).
 */
export interface GeneratedResource {
  readonly root: string
  readonly resource: string
  readonly subresource: string
  readonly namespaced: boolean
  readonly verbs: string
}

const ALL = 'lcgupdD'
const table: readonly [root: string, scope: 'namespace' | 'cluster', resources: Record<string, string>][] = [
  [
    '/api/v1',
    'namespace',
    {
      pods: ALL,
      'pods/status': 'gup',
      'pods/log': 'g',
      'pods/exec': 'x',
      'pods/attach': 'x',
      'pods/portforward': 'x',
      'pods/proxy': 'x',
      'pods/binding': 'c',
      'pods/eviction': 'c',
      'pods/ephemeralcontainers': 'gup',
      'pods/resize': 'gup',
      services: ALL,
      'services/status': 'gup',
      'services/proxy': 'x',
      secrets: ALL,
      configmaps: ALL,
      events: ALL,
      serviceaccounts: ALL,
      'serviceaccounts/token': 'c',
      'replicationcontrollers/scale': 'gup',
      persistentvolumeclaims: ALL,
    },
  ],
  [
    '/api/v1',
    'cluster',
    {
      namespaces: 'lcgupd',
      'namespaces/status': 'gup',
      'namespaces/finalize': 'u',
      nodes: ALL,
      'nodes/status': 'gup',
      'nodes/proxy': 'x',
      persistentvolumes: ALL,
      componentstatuses: 'lg',
    },
  ],
  [
    '/apis/apps/v1',
    'namespace',
    { deployments: ALL, 'deployments/scale': 'gup', statefulsets: ALL, daemonsets: ALL },
  ],
  ['/apis/batch/v1', 'namespace', { jobs: ALL, 'jobs/status': 'gup', cronjobs: ALL }],
  ['/apis/rbac.authorization.k8s.io/v1', 'cluster', { clusterroles: ALL, clusterrolebindings: ALL }],
  ['/apis/rbac.authorization.k8s.io/v1', 'namespace', { roles: ALL, rolebindings: ALL }],
  [
    '/apis/authorization.k8s.io/v1',
    'cluster',
    { selfsubjectaccessreviews: 'c', selfsubjectrulesreviews: 'c' },
  ],
  ['/apis/example.dev/v1', 'namespace', { widgets: ALL, 'widgets/status': 'gup', 'widgets/scale': 'gup' }],
  ['/apis/example.dev/v1', 'cluster', { gadgets: ALL, 'gadgets/status': 'gup' }],
  ['/apis/metrics.k8s.io/v1beta1', 'namespace', { pods: 'lg' }],
]

export const resources: readonly GeneratedResource[] = table.flatMap(([root, scope, entries]) =>
  Object.entries(entries).map(([path, verbs]) => {
    const [resource = '', subresource = ''] = path.split('/')
    return { root, resource, subresource, namespaced: scope === 'namespace', verbs }
  }),
)

/** Paths outside of resources that kube-apiserver serves, in the forms that real clients send. */
export const nonResourcePaths: readonly string[] = [
  '/',
  '/api',
  '/api/',
  '/api/v1',
  '/api/v1/',
  '/apis',
  '/apis/',
  '/apis/apps',
  '/apis/apps/',
  '/apis/apps/v1',
  '/apis/apps/v1/',
  '/apis/example.dev',
  '/apis/example.dev/v1',
  '/version',
  '/version/',
  '/healthz',
  '/livez',
  '/readyz',
  '/readyz/ping',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/apis/apps/v1',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/',
  '/openid/v1/jwks',
  '/openid/v1/jwks/',
  '/debug/pprof/profile',
]
