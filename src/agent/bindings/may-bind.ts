import type { BindingRule } from '../../connections/binding-rule.ts'
import type { MayBind } from '../agent.ts'

/** What a binder must be able to bind for these rules, and no more: each role in its own places. Undefined: nothing. */
export function mayBindOf(rules: readonly BindingRule[]): MayBind | undefined {
  const roles = new Map<string, { kind: BindingRule['kind']; name: string; places: Set<string> | null }>()
  for (const { kind, role, namespaces } of rules) {
    const key = `${kind}/${role}`
    const known = roles.get(key)
    if (known === undefined) {
      roles.set(key, { kind, name: role, places: namespaces === null ? null : new Set(namespaces) })
    } else if (namespaces === null) known.places = null
    else for (const namespace of namespaces) known.places?.add(namespace)
  }
  if (roles.size === 0) return undefined
  const grants = [...roles.values()].map(({ kind, name, places }) => ({
    ...(kind === 'ClusterRole' ? { clusterRole: name } : { role: name }),
    ...(places === null ? {} : { namespaces: [...places].sort() }),
  }))
  const nameOf = (grant: { clusterRole?: string; role?: string }): string =>
    grant.clusterRole === undefined ? `role/${grant.role}` : `clusterRole/${grant.clusterRole}`
  return { grants: grants.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) }
}
