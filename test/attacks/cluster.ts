/** What the upstream of the attacks says it has: the resources that the known bypasses go after. */
type Sub = readonly [name: string, ...verbs: string[]]
interface Resource {
  readonly name: string
  readonly kind: string
  readonly scope: 'Namespaced' | 'Cluster'
  readonly subresources: readonly Sub[]
}

const ALL = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

const groups: Readonly<Record<string, readonly Resource[]>> = {
  '/v1': [
    namespaced('pods', 'Pod', [
      ['exec', 'create', 'get'],
      ['attach', 'create', 'get'],
      ['portforward', 'create', 'get'],
      ['proxy', 'create', 'get', 'update', 'patch', 'delete'],
      ['log', 'get'],
      ['binding', 'create'],
      ['eviction', 'create'],
      ['ephemeralcontainers', 'get', 'patch', 'update'],
      ['resize', 'get', 'patch', 'update'],
      ['status', 'get', 'patch', 'update'],
    ]),
    namespaced('secrets', 'Secret'),
    namespaced('configmaps', 'ConfigMap'),
    namespaced('endpoints', 'Endpoints'),
    namespaced('services', 'Service', [
      ['proxy', 'create', 'get'],
      ['status', 'get', 'patch', 'update'],
    ]),
    namespaced('serviceaccounts', 'ServiceAccount', [['token', 'create']]),
    cluster('namespaces', 'Namespace', [
      ['finalize', 'update'],
      ['status', 'patch', 'update'],
    ]),
    cluster('nodes', 'Node', [
      ['proxy', 'create', 'get'],
      ['status', 'get', 'patch', 'update'],
    ]),
  ],
  'apps/v1': [
    namespaced('deployments', 'Deployment', [
      ['scale', 'get', 'patch', 'update'],
      ['status', 'get', 'patch'],
    ]),
  ],
  'batch/v1': [namespaced('jobs', 'Job'), namespaced('cronjobs', 'CronJob')],
  'rbac.authorization.k8s.io/v1': [
    namespaced('roles', 'Role'),
    namespaced('rolebindings', 'RoleBinding'),
    cluster('clusterroles', 'ClusterRole'),
    cluster('clusterrolebindings', 'ClusterRoleBinding'),
  ],
  'certificates.k8s.io/v1': [
    cluster('certificatesigningrequests', 'CertificateSigningRequest', [
      ['approval', 'get', 'patch', 'update'],
      ['status', 'get', 'patch', 'update'],
    ]),
  ],
  'admissionregistration.k8s.io/v1': [
    cluster('mutatingwebhookconfigurations', 'MutatingWebhookConfiguration'),
  ],
  'apiextensions.k8s.io/v1': [cluster('customresourcedefinitions', 'CustomResourceDefinition')],
  'apiregistration.k8s.io/v1': [cluster('apiservices', 'APIService')],
  'authentication.k8s.io/v1': [
    cluster('selfsubjectreviews', 'SelfSubjectReview'),
    cluster('tokenreviews', 'TokenReview'),
  ],
  'authorization.k8s.io/v1': [
    cluster('selfsubjectaccessreviews', 'SelfSubjectAccessReview'),
    cluster('subjectaccessreviews', 'SubjectAccessReview'),
  ],
  'example.dev/v1': [
    namespaced('widgets', 'Widget', [
      ['scale', 'get', 'patch', 'update'],
      ['proxy', 'get'],
      ['use', 'create'],
    ]),
    cluster('gadgets', 'Gadget'),
  ],
}

function namespaced(name: string, kind: string, subresources: readonly Sub[] = []): Resource {
  return { name, kind, scope: 'Namespaced', subresources }
}
function cluster(name: string, kind: string, subresources: readonly Sub[] = []): Resource {
  return { name, kind, scope: 'Cluster', subresources }
}

/** Subresources that are objects of their own. */
function kindOf(subresource: string): object | undefined {
  switch (subresource) {
    case 'token':
      return { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }
    case 'scale':
      return { group: 'autoscaling', version: 'v1', kind: 'Scale' }
    case 'eviction':
      return { group: 'policy', version: 'v1', kind: 'Eviction' }
    case 'binding':
      return { group: '', version: 'v1', kind: 'Binding' }
    default:
      return undefined
  }
}

function document(core: boolean): object {
  const items = new Map<string, object[]>()
  for (const [groupVersion, resources] of Object.entries(groups)) {
    const [group, version] = groupVersion.split('/') as [string, string]
    if ((group === '') !== core) continue
    const versions = items.get(group) ?? []
    items.set(group, versions)
    versions.push({
      version,
      freshness: 'Current',
      resources: resources.map(({ name, kind, scope, subresources }) => ({
        resource: name,
        responseKind: { group: '', version: '', kind },
        scope,
        singularResource: kind.toLowerCase(),
        verbs: ALL,
        subresources: subresources.map(([subresource, ...verbs]) => ({
          subresource,
          responseKind: kindOf(subresource) ?? { group: '', version: '', kind },
          verbs,
        })),
      })),
    })
  }
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    items: [...items].map(([name, versions]) => ({ metadata: { name }, versions })),
  }
}

const documents: Readonly<Record<string, object>> = { '/api': document(true), '/apis': document(false) }

/** The discovery document at a path; undefined where there is none. */
export function discoveryOf(target: string): object | undefined {
  return Object.hasOwn(documents, target) ? documents[target] : undefined
}
