import type { MayBind } from '../agent.ts'

/** One role and where it may be bound. */
export interface Grant {
  readonly kind: RoleKind
  readonly name: string
  /** Undefined: in every namespace, and cluster-wide. Never undefined for a Role. */
  readonly namespaces: readonly string[] | undefined
}

export type RoleKind = 'ClusterRole' | 'Role'

/** A role in a place; namespace '' is the whole cluster. */
export interface RoleThere {
  readonly kind: RoleKind
  readonly name: string
  readonly namespace: string
}

/** What `mayBind` comes to, role by role. Throws an Error when it contradicts itself. */
export function grantsOf(mayBind: MayBind): Grant[] {
  const { clusterRoles = [], roles = [], namespaces, grants = [] } = mayBind
  for (const role of roles) {
    if (namespaces?.includes(role.namespace) === false) {
      throw new Error(`mayBind names a role in ${role.namespace}, which is not among its namespaces`)
    }
  }
  return [
    ...clusterRoles.map(name => ({ kind: 'ClusterRole', name, namespaces }) as const),
    ...roles.map(role => ({ kind: 'Role', name: role.name, namespaces: [role.namespace] }) as const),
    ...grants.map(given =>
      given.clusterRole === undefined
        ? ({ kind: 'Role', name: given.role ?? '', namespaces: given.namespaces ?? [] } as const)
        : ({ kind: 'ClusterRole', name: given.clusterRole, namespaces: given.namespaces } as const),
    ),
  ]
}

export function mayGive(grants: readonly Grant[], asked: RoleThere): boolean {
  return grants.some(
    ({ kind, name, namespaces }) =>
      kind === asked.kind &&
      name === asked.name &&
      (namespaces === undefined ? kind === 'ClusterRole' : namespaces.includes(asked.namespace)),
  )
}

/** Whether something may be bound in every namespace; the binder's rights are cluster-wide then. */
export function isEverywhere(grants: readonly Grant[]): boolean {
  return grants.some(grant => grant.namespaces === undefined)
}

/** Namespaces that grants name, sorted. */
export function namedNamespaces(grants: readonly Grant[]): string[] {
  return [...new Set(grants.flatMap(grant => grant.namespaces ?? []))].sort()
}
