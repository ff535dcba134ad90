import type { KubernetesAction } from '../kubernetes/action.ts'

/**
 * What a request amounts to under other names. A deny or hold rule on the other name touches it too; an allow rule has
 * to name the request itself.
 */
const AMOUNTS_TO: Readonly<Record<string, readonly string[]>> = {
  get: ['get'],
  head: ['head', 'get'],
  // A list answers with whole objects, and a watch begins with all of them (KEP-3157).
  list: ['list', 'get'],
  watch: ['watch', 'list', 'get'],
  create: ['create'],
  update: ['update', 'patch'],
  patch: ['patch', 'update'],
  delete: ['delete'],
  deletecollection: ['deletecollection', 'delete'],
}

/** The verbs of requests that a deny or hold rule with these verbs touches. */
export function touchedVerbs(verbs: readonly string[]): ReadonlySet<string> {
  const touched = new Set(verbs)
  for (const verb of Object.keys(AMOUNTS_TO)) {
    if (AMOUNTS_TO[verb]!.some(other => verbs.includes(other))) touched.add(verb)
  }
  return touched
}

/** Kinds whose PUT creates what is missing (AllowCreateOnUpdate in pkg/registry of kubernetes 1.36). */
const CREATED_BY_PUT = new Set([
  '/endpoints',
  '/events',
  '/limitranges',
  '/services',
  'coordination.k8s.io/leasecandidates',
  'coordination.k8s.io/leases',
  'events.k8s.io/events',
  'node.k8s.io/runtimeclasses',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/roles',
])

/** Server-side apply creates what is missing, and so does PUT for some kinds: such a request is also a create. */
export function mayCreate(
  action: Pick<KubernetesAction, 'subresource' | 'verb' | 'apiGroup' | 'resource'> & {
    readonly body: { readonly form: string } | null
  },
): boolean {
  if (action.subresource !== '') return false
  if (action.verb === 'patch') return action.body?.form === 'apply-patch'
  return action.verb === 'update' && CREATED_BY_PUT.has(`${action.apiGroup}/${action.resource}`)
}

/** An object whose owners are not there is deleted: naming them is also a delete. */
export function mayDelete({ risk, risks }: Pick<KubernetesAction, 'risk' | 'risks'>): boolean {
  return risks === undefined ? risk === 'owner-change' : risks.includes('owner-change')
}

export interface OtherName {
  readonly resource: string
  readonly verb: string
}

/** What a subresource does to the object itself. Null: nothing. */
export function otherNameOf(action: KubernetesAction, resource: string): OtherName | null {
  const { subresource, verb } = action
  if (subresource === '') {
    return resource === 'bindings' && verb === 'create' && action.apiGroup === ''
      ? { resource: 'pods', verb: 'patch' }
      : null
  }
  switch (subresource) {
    case 'eviction':
      return { resource, verb: 'delete' }
    case 'finalize':
      return { resource, verb: 'delete' }
    case 'binding':
      return { resource, verb: 'patch' }
    case 'scale':
      // Scale is an object of its own: reading it tells little of the parent.
      return verb === 'update' || verb === 'patch' ? { resource, verb } : null
    case 'status':
    case 'resize':
    case 'ephemeralcontainers':
    case 'approval':
      return { resource, verb }
    default:
      return null
  }
}

/** Deleting a namespace deletes everything in it. */
export function deletesNamespace(action: KubernetesAction): boolean {
  if (action.resource !== 'namespaces' || action.apiGroup !== '') return false
  if (action.subresource === 'finalize' || mayDelete(action)) return true
  return action.subresource === '' && (action.verb === 'delete' || action.verb === 'deletecollection')
}
