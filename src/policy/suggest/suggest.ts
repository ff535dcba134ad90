import { API_VERSION } from '../../brand.ts'
import type { PolicyDocument, PolicyRule } from '../../documents/schema/policy.ts'
import { defaultsDocument } from '../defaults.ts'
import { ordinaryRiskClasses } from '../risk-classes.ts'
import { groupUp, unique } from './group-up.ts'
import type { Observations, Observed } from './observed.ts'
import { rulesForParts, withoutParts } from './parts.ts'

/** `rbac.authorization.k8s.io/v1` Role or ClusterRole. */
export interface RoleManifest {
  readonly apiVersion: 'rbac.authorization.k8s.io/v1'
  readonly kind: 'Role' | 'ClusterRole'
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules: readonly {
    readonly apiGroups?: readonly string[]
    readonly resources?: readonly string[]
    readonly nonResourceURLs?: readonly string[]
    readonly verbs: readonly string[]
  }[]
}

export interface Suggestion {
  /** Null: what is always allowed is enough. */
  readonly policy: PolicyDocument | null
  readonly roles: readonly RoleManifest[]
}

/**
 * The smallest rules and roles that allow what was seen and nothing else, by verb, resource and namespace. `name` is that
 * of the policy and of the roles.
 */
export function suggest(
  seen: Observations,
  principals: NonNullable<PolicyRule['match']['principals']>,
  name: string,
): Suggestion {
  const { resources, paths } = seen
  const own = resources.filter(o => !isAlwaysAllowed(o.apiGroup, o.resource, o.verb))
  const rules: PolicyRule[] = []
  for (const connection of unique(own.map(o => o.connection))) {
    const there = own.filter(o => o.connection === connection)
    rules.push(...rulesForParts(there, principals))
    for (const group of groupUp(withoutParts(there), verbsForPolicy, o =>
      o.risks.filter(r => !ordinaryRiskClasses.has(r)),
    )) {
      rules.push({
        name: '',
        effect: 'allow',
        match: {
          principals,
          connections: [connection],
          ...(group.namespaces[0] === '' ? {} : { namespaces: [...group.namespaces] }),
          verbs: group.verbs as string[],
          apiGroups: [group.apiGroup],
          resources: [...group.resources],
          ...(group.risks.length === 0 ? {} : { riskClasses: group.risks as never }),
        },
      })
    }
  }
  const beyond = paths.filter(p => !isDefaultPath(p.verb, p.path))
  for (const connection of unique(beyond.map(p => p.connection))) {
    for (const verb of unique(beyond.filter(p => p.connection === connection).map(p => p.verb))) {
      const nonResourceURLs = unique(
        beyond.filter(p => p.connection === connection && p.verb === verb).map(p => p.path),
      )
      rules.push({
        name: '',
        effect: 'allow',
        match: { principals, connections: [connection], verbs: [verb], nonResourceURLs },
      })
    }
  }
  const policy: PolicyDocument | null =
    rules.length === 0
      ? null
      : {
          apiVersion: API_VERSION,
          kind: 'Policy',
          metadata: { name },
          spec: { rules: rules.map((rule, i) => ({ ...rule, name: `seen-${i + 1}` })) },
        }
  return { policy, roles: rolesFor(own, beyond, name) }
}

function rolesFor(own: readonly Observed[], beyond: Observations['paths'], name: string): RoleManifest[] {
  const groups = groupUp(own, verbsForCluster, () => [])
  const namespaces = unique(groups.flatMap(g => g.namespaces)).sort()
  const roles = namespaces.map((namespace): RoleManifest => {
    const rules = groups
      .filter(g => g.namespaces.includes(namespace))
      .map(g => ({ apiGroups: [g.apiGroup], resources: g.resources, verbs: g.verbs }))
    return {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: namespace === '' ? 'ClusterRole' : 'Role',
      metadata: { name, ...(namespace === '' ? {} : { namespace }) },
      rules,
    }
  })
  if (beyond.length === 0) return roles
  const urls = unique(beyond.map(p => p.verb)).map(verb => ({
    nonResourceURLs: unique(beyond.filter(p => p.verb === verb).map(p => p.path)),
    verbs: [verb],
  }))
  const wide = roles.find(role => role.kind === 'ClusterRole')
  const rest = roles.filter(role => role !== wide)
  const metadata = { name }
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata,
      rules: [...(wide?.rules ?? []), ...urls],
    },
    ...rest,
  ]
}

function verbsForPolicy(o: Observed): readonly string[] {
  const verbs = o.mayCreate ? [o.verb, 'create'] : [o.verb]
  return o.mayDelete ? [...verbs, 'delete'] : verbs
}

function verbsForCluster(o: Observed): readonly string[] {
  return o.created ? [o.verb, 'create'] : [o.verb]
}

const always = defaultsDocument.spec.rules!.map(rule => rule.match)

function isAlwaysAllowed(group: string, resource: string, verb: string): boolean {
  return always.some(
    m =>
      m.resources?.includes(resource) === true &&
      m.apiGroups?.includes(group) === true &&
      m.verbs?.includes(verb) === true,
  )
}

/** `system:discovery` of Kubernetes lets everybody do these as well. */
function isDefaultPath(verb: string, path: string): boolean {
  return always.some(
    m =>
      m.verbs?.includes(verb) === true &&
      m.nonResourceURLs?.some(u => (u.endsWith('*') ? path.startsWith(u.slice(0, -1)) : u === path)) === true,
  )
}
