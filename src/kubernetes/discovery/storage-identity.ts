/**
 * Resources that kube-apiserver serves under several groups from one storage. What is written through one name is
 * read through the other, so a rule about one must hold for both.
 */
const SAME_STORAGE: readonly (readonly string[])[] = [
  ['/events', 'events.k8s.io/events'],
  // Removed in 1.16 and 1.22, still served by older clusters.
  ['apps/deployments', 'extensions/deployments'],
  ['apps/daemonsets', 'extensions/daemonsets'],
  ['apps/replicasets', 'extensions/replicasets'],
  ['networking.k8s.io/ingresses', 'extensions/ingresses'],
  ['networking.k8s.io/networkpolicies', 'extensions/networkpolicies'],
  ['policy/podsecuritypolicies', 'extensions/podsecuritypolicies'],
]

export interface GroupResource {
  readonly group: string
  readonly resource: string
}

const names = new Map<string, readonly GroupResource[]>()
for (const set of SAME_STORAGE) {
  const all = set.map(name => {
    const slash = name.indexOf('/')
    return { group: name.slice(0, slash), resource: name.slice(slash + 1) }
  })
  for (const name of set) names.set(name, all)
}

/**
 * Every name under which the objects of this resource are reachable, the canonical one first; the resource itself
 * when there is no other.
 */
export function storageNames(group: string, resource: string): readonly GroupResource[] {
  return names.get(`${group}/${resource}`) ?? [{ group, resource }]
}
