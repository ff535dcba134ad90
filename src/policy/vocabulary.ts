/** Verbs of kube-apiserver for resources (k8s.io/apiserver, RequestInfoFactory). */
export const resourceVerbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
] as const

/** Of a request that is not about a resource the verb is the HTTP method in lower case. */
export const nonResourceVerbs = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const

/** Resources of Kubernetes 1.36 by group; `-` before a name: its objects live in no namespace. */
const BUILT_IN = `
core: bindings -componentstatuses configmaps endpoints events limitranges -namespaces -nodes persistentvolumeclaims
  -persistentvolumes pods podtemplates replicationcontrollers resourcequotas secrets serviceaccounts services
admissionregistration.k8s.io: -mutatingadmissionpolicies -mutatingadmissionpolicybindings -mutatingwebhookconfigurations
  -validatingadmissionpolicies -validatingadmissionpolicybindings -validatingwebhookconfigurations
apiextensions.k8s.io: -customresourcedefinitions
apiregistration.k8s.io: -apiservices
apps: controllerrevisions daemonsets deployments replicasets statefulsets
authentication.k8s.io: -selfsubjectreviews -tokenreviews
authorization.k8s.io: localsubjectaccessreviews -selfsubjectaccessreviews -selfsubjectrulesreviews -subjectaccessreviews
autoscaling: horizontalpodautoscalers
batch: cronjobs jobs
certificates.k8s.io: -certificatesigningrequests -clustertrustbundles podcertificaterequests
coordination.k8s.io: leases leasecandidates
discovery.k8s.io: endpointslices
events.k8s.io: events
flowcontrol.apiserver.k8s.io: -flowschemas -prioritylevelconfigurations
internal.apiserver.k8s.io: -storageversions
metrics.k8s.io: -nodes pods
networking.k8s.io: -ingressclasses ingresses -ipaddresses networkpolicies -servicecidrs
node.k8s.io: -runtimeclasses
policy: poddisruptionbudgets
rbac.authorization.k8s.io: -clusterrolebindings -clusterroles rolebindings roles
resource.k8s.io: -deviceclasses -devicetaintrules resourceclaims resourceclaimtemplates -resourceslices
scheduling.k8s.io: -priorityclasses workloads
storage.k8s.io: -csidrivers -csinodes csistoragecapacities -storageclasses -volumeattachments -volumeattributesclasses
storagemigration.k8s.io: -storageversionmigrations
`

interface BuiltIn {
  readonly group: string
  readonly resource: string
  readonly namespaced: boolean
}

const builtIns: readonly BuiltIn[] = BUILT_IN.trim()
  .replaceAll('\n  ', ' ')
  .split('\n')
  .flatMap(line => {
    const [group, words] = line.split(': ') as [string, string]
    return words.split(' ').map(word => ({
      group: group === 'core' ? '' : group,
      resource: word.replace('-', ''),
      namespaced: !word.startsWith('-'),
    }))
  })

/** Names of built-in resources, for the nearest word in a warning. */
export const knownResources: ReadonlySet<string> = new Set(builtIns.map(b => b.resource))

export const knownGroups: ReadonlySet<string> = new Set(builtIns.map(b => b.group))

const scopes = new Map(builtIns.map(b => [`${b.group}/${b.resource}`, b.namespaced]))

/** Whether objects of a built-in resource live in namespaces; undefined for one that is not built in. */
export function isNamespaced(group: string, resource: string): boolean | undefined {
  return scopes.get(`${group}/${resource}`)
}

/** Groups in which a built-in resource of this name lives. */
export function groupsOf(resource: string): string[] {
  return builtIns.filter(b => b.resource === resource).map(b => b.group)
}

/** Every subresource that a built-in resource, or a custom one (`status`, `scale`), can have. */
export const knownSubresources: ReadonlySet<string> = new Set([
  'approval',
  'attach',
  'binding',
  'ephemeralcontainers',
  'eviction',
  'exec',
  'finalize',
  'log',
  'portforward',
  'proxy',
  'resize',
  'scale',
  'status',
  'token',
])

/**
 * What is done to Sallyport itself. `DOCUMENT.read` and so on stand for the kinds of documents in lower case.
 */
const DOCUMENT_KINDS = ['channel', 'connection', 'identityprovider', 'maskingrules', 'person', 'policy']
export const adminVerbs: readonly string[] = [
  'agent.enrol',
  'agent.list',
  'agent.remove',
  'approval.decide',
  'approval.list',
  'approval.review',
  'approval.stats',
  'audit.export',
  'audit.search',
  'audit.show',
  'audit.tail',
  'channel.link.list',
  'channel.link.remove',
  'delegation.end',
  'delegation.list',
  'grant.list',
  'grant.revoke',
  'hold.add',
  'hold.list',
  'hold.release',
  'masking.list',
  'masking.test',
  'metrics.read',
  'policy.check',
  'policy.replay',
  'policy.suggest',
  'reveal.approve',
  'reveal.list',
  'reveal.open',
  'reveal.request',
  'revocation.list',
  'revocation.write',
  'self.approval.ask',
  'self.approval.break-glass',
  'self.approval.cancel',
  'self.approval.delegate',
  'self.channel.link',
  'self.channel.unlink',
  'self.explain',
  'self.grant.revoke',
  'self.read',
  'self.session.end',
  'self.session.reason',
  'self.signout',
  'session.end',
  'session.list',
  'session.open',
  'session.read',
  'session.reason',
  'shred.approve',
  'shred.list',
  'shred.request',
  'status.read',
  ...DOCUMENT_KINDS.flatMap(kind => ['list', 'read', 'write', 'delete'].map(act => `${kind}.${act}`)),
]
