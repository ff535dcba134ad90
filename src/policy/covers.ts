import type { ImpersonationRequest, KubernetesAction } from '../kubernetes/action.ts'
import type { AdminAction, Circumstances } from './decision.ts'
import { mayCreate, mayDelete } from './effects.ts'
import { coversCircumstances } from './fields/circumstantial.ts'
import type { GlobList } from './glob.ts'
import { ordinaryRiskClasses } from './risk-classes.ts'
import type { Impersonation, Labels, Resources, Rule, Urls, Words } from './rule.ts'

/**
 * Whether a rule covers all that a request does or could do: what an allow rule must, and a hold rule whose approval
 * shall open something. In doubt it does not. The condition is not looked at here.
 */
export function covers(rule: Rule, action: KubernetesAction, c: Circumstances): boolean {
  return (
    coversKind(rule, action) &&
    coversVerb(rule, action) &&
    coversTarget(rule, action) &&
    coversRisks(rule, action) &&
    coversImpersonation(rule, action) &&
    coversConnection(rule, c) &&
    rule.subjects.includes(c.session.principal, c.connection.name) &&
    (rule.labels === null || coversLabels(rule.labels, action)) &&
    (rule.circumstantial === null || coversCircumstances(rule.circumstantial, action, c))
  )
}

/** The same for an allow rule of `indexCandidates`, most telling fields first. */
export function coversIndexed(rule: Rule, action: KubernetesAction, c: Circumstances): boolean {
  return (
    (action.isResource
      ? coversNamespace(rule, action) &&
        matchesWord(rule.apiGroups, action.apiGroup) &&
        coversName(rule, action)
      : matchesUrl(rule.urls, action.path)) &&
    coversRisks(rule, action) &&
    coversImpersonation(rule, action) &&
    coversConnection(rule, c) &&
    rule.subjects.includes(c.session.principal, c.connection.name) &&
    coversVerb(rule, action) &&
    (rule.labels === null || coversLabels(rule.labels, action)) &&
    (rule.circumstantial === null || coversCircumstances(rule.circumstantial, action, c))
  )
}

export function coversAdmin(rule: Rule, action: AdminAction, c: Circumstances): boolean {
  return (
    matchesAdmin(rule, action) &&
    rule.subjects.includes(c.session.principal, '') &&
    (rule.circumstantial === null || coversCircumstances(rule.circumstantial, action, c))
  )
}

export function matchesAdmin(rule: Rule, action: AdminAction): boolean {
  if (!rule.about.admin) return false
  const { admin } = rule
  if (admin === null) return true
  return (
    admin.verbs.has(action.verb) &&
    (admin.resources === null || admin.resources.has(action.resource)) &&
    (admin.names === null || admin.names.has(action.name))
  )
}

export function coversKind(rule: Rule, action: KubernetesAction): boolean {
  return action.isResource ? rule.about.resources : rule.about.urls
}

export function coversConnection(rule: Rule, c: Circumstances): boolean {
  return rule.connections === null || rule.connections.has(c.connection.name)
}

/** A request that may create what is missing needs `create` as well, and one that may delete needs `delete`. */
export function coversVerb(rule: Rule, action: KubernetesAction): boolean {
  const { verbs } = rule
  if (verbs === null || verbs.any) return true
  return (
    verbs.set.has(action.verb) &&
    (verbs.set.has('create') || !mayCreate(action)) &&
    (verbs.set.has('delete') || !mayDelete(action))
  )
}

export function coversTarget(rule: Rule, action: KubernetesAction): boolean {
  if (!action.isResource) return matchesUrl(rule.urls, action.path)
  return (
    matchesWord(rule.apiGroups, action.apiGroup) &&
    matchesResource(rule.resources, action.resource, action.subresource) &&
    coversNamespace(rule, action) &&
    coversName(rule, action)
  )
}

/** A request without a namespace reaches all of them, or something outside of any. */
export function coversNamespace(rule: Rule, action: KubernetesAction): boolean {
  return rule.namespaces === null || (action.namespace !== '' && rule.namespaces.has(action.namespace))
}

/** A list, a watch and a deletecollection carry a name only when a field selector limits them to it (RequestInfo). */
export function coversName(rule: Rule, action: KubernetesAction): boolean {
  return rule.resourceNames === null || (action.name !== '' && rule.resourceNames.has(action.name))
}

/**
 * By the labels of the object, where it is known; else by a selector that asks for them, in the plainest form: `key=value`,
 * with commas between. Others may ask for the same, and are not taken for it.
 */
export function coversLabels(labels: Labels, action: KubernetesAction): boolean {
  if (action.subresource !== '') return false
  if (action.labels !== undefined) {
    for (const [key, value] of labels.pairs) if (action.labels.get(key) !== value) return false
    return true
  }
  const { labelSelector } = action.query
  if ((action.verb !== 'list' && action.verb !== 'watch') || !PLAIN.test(labelSelector)) return false
  const terms = labelSelector.split(',')
  return labels.pairs.every(
    ([key, value]) => terms.includes(`${key}=${value}`) || terms.includes(`${key}==${value}`),
  )
}

const PLAIN = /^[A-Za-z0-9_./,=-]+$/

/** Every class must be ordinary or named. `impersonate` is opened elsewhere. */
export function coversRisks(rule: Rule, action: KubernetesAction): boolean {
  const { risks } = action
  if (risks === undefined) return action.risk === 'none' || coversRisk(rule, action.risk)
  for (let i = 0; i < risks.length; i++) if (!coversRisk(rule, risks[i]!)) return false
  return true
}

export function coversRisk(rule: Rule, risk: string): boolean {
  if (ordinaryRiskClasses.has(risk) || risk === 'impersonate') return true
  return rule.risks !== null && (rule.risks.any || rule.risks.set.has(risk))
}

export function coversImpersonation(rule: Rule, action: Pick<KubernetesAction, 'impersonate'>): boolean {
  const asked = action.impersonate
  if (asked === null || rule.impersonate === null) return asked === null && rule.impersonate === null
  const { users, groups, uids, extraKeys } = rule.impersonate
  return (
    mayBe(users, asked.user) &&
    asked.groups.every(group => mayBe(groups, group)) &&
    (asked.uid === '' || mayBe(uids, asked.uid)) &&
    asked.extra.every(([key]) => mayBe(extraKeys, key))
  )
}

/** `*` is not meant to reach the cluster's own users and groups: a pattern for those begins with `system:` itself. */
function mayBe(list: GlobList | null, name: string): boolean {
  if (list === null) return false
  return name.startsWith('system:') ? list.hasWithin('system:', name) : list.has(name)
}

/** Deny and hold: the rule speaks of some of what is asked for. */
export function touchesImpersonation(impersonate: Impersonation, asked: ImpersonationRequest): boolean {
  const { users, groups, uids, extraKeys } = impersonate
  if (users === null && groups === null && uids === null && extraKeys === null) return true
  return (
    users?.has(asked.user) === true ||
    asked.groups.some(group => groups?.has(group) === true) ||
    (asked.uid !== '' && uids?.has(asked.uid) === true) ||
    asked.extra.some(([key]) => extraKeys?.has(key) === true)
  )
}

export function matchesWord(words: Words | null, word: string): boolean {
  return words === null || words.any || words.set.has(word)
}

/** RBAC's forms (`pods`, `pods/log`, `*\/scale`, `*`), and `pods/*` for all subresources of one. */
export function matchesResource(resources: Resources | null, resource: string, subresource: string): boolean {
  if (resources === null || resources.any) return true
  if (subresource === '') return resources.exact.has(resource)
  return (
    resources.subresources.has(subresource) ||
    resources.parents.has(resource) ||
    resources.exact.has(`${resource}/${subresource}`)
  )
}

export function matchesUrl(urls: Urls | null, path: string): boolean {
  if (urls === null || urls.any || urls.exact.has(path)) return true
  for (let i = 0; i < urls.prefixes.length; i++) if (path.startsWith(urls.prefixes[i]!)) return true
  return false
}
