import type { CeilingSpec } from '../ceiling/schema.ts'
import { granted, type Manifest, type PolicyRule, roleName, type Subject } from './manifest.ts'

const READS = ['get', 'list', 'watch']
const ALL = [...READS, 'create', 'update', 'patch', 'delete', 'deletecollection']
const HTTP = ['get', 'head', 'post', 'put', 'patch', 'delete']
const READABLE = ['api', 'apis', 'openapi', 'version', 'healthz', 'livez', 'readyz']

/**
 * KEP-5284's second half: what may be done while impersonating. The agent's ceiling, as far as RBAC has words for it,
 * so that it holds for a stolen token as well.
 */
export function impersonateOn(ceiling: CeilingSpec | undefined, subject: Subject): Manifest[] {
  const name = roleName(subject, 'session-on')
  const verbs = on(ceiling?.readOnly === true ? READS : (ceiling?.verbs ?? ALL))
  const resources = resourceRules(ceiling?.resources, verbs)
  const paths: PolicyRule =
    ceiling === undefined
      ? { nonResourceURLs: ['*'], verbs: on(HTTP) }
      : {
          nonResourceURLs: [
            ...READABLE.flatMap(root => [`/${root}`, `/${root}/*`]),
            ...(ceiling.nonResourcePaths ?? []),
          ],
          verbs: on(['get']),
        }
  const reviews: PolicyRule[] = [
    {
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      verbs: on(['create']),
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: on(['create']) },
  ]
  const always = ceiling === undefined ? [paths] : [paths, ...reviews]
  const comment = ['And what it may do while it impersonates (Kubernetes 1.36).', ...unsaid(ceiling)]
  const namespaces = ceiling?.clusterScoped === true ? undefined : ceiling?.namespaces
  if (namespaces === undefined) return granted(name, undefined, [...resources, ...always], subject, comment)
  return [
    ...granted(name, undefined, always, subject, comment),
    ...[...namespaces].sort().flatMap(namespace => granted(name, namespace, resources, subject)),
  ]
}

function on(verbs: readonly string[]): string[] {
  return verbs.map(verb => `impersonate-on:user-info:${verb}`)
}

/** RBAC only adds; what a ceiling takes away stays with the agent. */
function unsaid(ceiling: CeilingSpec | undefined): string[] {
  const said: string[] = []
  if (ceiling === undefined) said.push('The agent has no ceiling, so this is everything.')
  if (ceiling?.noExec === true && ceiling.resources === undefined) {
    said.push(
      'RBAC cannot take exec away from all resources: noExec holds in the agent, not for a stolen token.',
    )
  }
  if (ceiling?.deniedResources !== undefined) {
    said.push('RBAC cannot deny: deniedResources hold in the agent, not for a stolen token.')
  }
  if (ceiling?.clusterScoped === true && ceiling.namespaces !== undefined) {
    said.push(
      'RBAC cannot allow cluster-wide objects alone: namespaces hold in the agent, not for a stolen token.',
    )
  }
  return said
}

/** `pods`, `pods/log`, `deployments.apps`, `*.apps`, `*` in RBAC's words. */
function resourceRules(patterns: readonly string[] | undefined, verbs: readonly string[]): PolicyRule[] {
  if (patterns === undefined || patterns.includes('*')) return [{ apiGroups: ['*'], resources: ['*'], verbs }]
  const byGroup = new Map<string, Set<string>>()
  for (const pattern of patterns) {
    const [full = '', subresource] = pattern.split('/')
    const dot = full.indexOf('.')
    const resource = dot < 0 ? full : full.slice(0, dot)
    const group = full === '*' ? '*' : dot < 0 ? '' : full.slice(dot + 1)
    const resources = byGroup.get(group) ?? new Set()
    resources.add(subresource === undefined ? resource : `${resource}/${subresource}`)
    byGroup.set(group, resources)
  }
  return [...byGroup].map(([group, resources]) => ({
    apiGroups: [group],
    resources: [...resources].sort(),
    verbs,
  }))
}
