import type { KubernetesAction } from '../kubernetes/action.ts'
import {
  coversConnection,
  coversKind,
  matchesAdmin,
  matchesResource,
  matchesUrl,
  matchesWord,
  touchesImpersonation,
} from './covers.ts'
import type { AdminAction, Circumstances } from './decision.ts'
import { deletesNamespace, mayCreate, mayDelete, otherNameOf } from './effects.ts'
import { touchesCircumstances } from './fields/circumstantial.ts'
import type { Rule } from './rule.ts'
import { groupsOf, isNamespaced } from './vocabulary.ts'

/**
 * Whether a request could touch what a deny or hold rule speaks of: directly, under another name, or because it reaches
 * more than one object and one of them could be meant. In doubt it does. The condition is not looked at here.
 */
export function touches(rule: Rule, action: KubernetesAction, c: Circumstances): boolean {
  return (
    coversKind(rule, action) &&
    (action.isResource ? touchesResource(rule, action) : touchesUrl(rule, action)) &&
    touchesRisks(rule, action) &&
    (rule.impersonate === null ||
      (action.impersonate !== null && touchesImpersonation(rule.impersonate, action.impersonate))) &&
    coversConnection(rule, c) &&
    rule.subjects.couldMean(c.session.principal, action.impersonate) &&
    (rule.circumstantial === null || touchesCircumstances(rule.circumstantial, action, c))
  )
}

export function touchesAdmin(rule: Rule, action: AdminAction, c: Circumstances): boolean {
  return (
    matchesAdmin(rule, action) &&
    rule.subjects.couldMean(c.session.principal, null) &&
    (rule.circumstantial === null || touchesCircumstances(rule.circumstantial, action, c))
  )
}

export function touchesUrl(rule: Rule, action: KubernetesAction): boolean {
  return (rule.touched === null || rule.touched.has(action.verb)) && matchesUrl(rule.urls, action.path)
}

export function touchesResource(rule: Rule, action: KubernetesAction): boolean {
  if (touchesNamed(rule, action, action.apiGroup, action.resource)) return true
  const { sameStorage } = action
  if (sameStorage !== undefined) {
    for (const { apiGroup, resource } of sameStorage) {
      if (touchesNamed(rule, action, apiGroup, resource)) return true
    }
  }
  return deletesNamespace(action) && touchesContents(rule, action)
}

/** The request by its own name and by what it amounts to. */
function touchesNamed(rule: Rule, action: KubernetesAction, group: string, resource: string): boolean {
  if (!matchesWord(rule.apiGroups, group)) return false
  if (touchesObject(rule, action, resource, action.subresource, action.verb)) return true
  const other = otherNameOf(action, resource)
  return other !== null && touchesObject(rule, action, other.resource, '', other.verb)
}

function touchesObject(
  rule: Rule,
  action: KubernetesAction,
  resource: string,
  subresource: string,
  verb: string,
): boolean {
  return (
    matchesResource(rule.resources, resource, subresource) &&
    touchesVerb(rule, action, verb) &&
    touchesNamespace(rule, action) &&
    touchesName(rule, action)
  )
}

export function touchesVerb(rule: Rule, action: KubernetesAction, verb: string): boolean {
  const { touched } = rule
  return (
    touched === null ||
    touched.has(verb) ||
    (touched.has('create') && mayCreate(action)) ||
    (touched.has('delete') && mayDelete(action))
  )
}

/** A list, watch or deletecollection without a namespace reaches every namespace. */
export function touchesNamespace(rule: Rule, action: KubernetesAction): boolean {
  const { namespaces } = rule
  if (namespaces === null) return true
  if (action.namespace !== '') return namespaces.has(action.namespace)
  if (action.resource === 'namespaces' && action.apiGroup === '') return touchesNamespaceObjects(rule, action)
  // A field selector may limit it to one name, but to that name in every namespace.
  if (!isCollection(action)) return false
  return (action.namespaced ?? isNamespaced(action.apiGroup, action.resource)) !== false
}

/**
 * RequestInfo counts a namespace object as being in itself. A list of all namespaces shows only their names and labels,
 * so a rule on everything in a namespace does not stop it; one that says `namespaces` does.
 */
function touchesNamespaceObjects(rule: Rule, action: KubernetesAction): boolean {
  if (action.name !== '') return rule.namespaces!.has(action.name)
  if (isCollection(action)) return rule.resources?.exact.has('namespaces') === true
  const name = action.body?.name ?? ''
  if (name === '') return true
  return name.endsWith('*') ? rule.namespaces!.couldHaveAfter(name.slice(0, -1)) : rule.namespaces!.has(name)
}

/** Without a name a request may reach any; a create says in its body what it makes. */
export function touchesName(rule: Rule, action: KubernetesAction): boolean {
  const { resourceNames } = rule
  if (resourceNames === null) return true
  if (action.name !== '') return resourceNames.has(action.name)
  const name = action.verb === 'create' ? (action.body?.name ?? '') : ''
  if (name === '') return true
  return name.endsWith('*') ? resourceNames.couldHaveAfter(name.slice(0, -1)) : resourceNames.has(name)
}

/** Any of the classes. `*` is every class, but not a request without one. */
export function touchesRisks(rule: Rule, action: KubernetesAction): boolean {
  if (rule.risks === null) return true
  const { any, set } = rule.risks
  const { risks } = action
  if (risks === undefined) return action.risk !== 'none' && (any || set.has(action.risk))
  if (any) return risks.length > 0
  for (let i = 0; i < risks.length; i++) if (set.has(risks[i]!)) return true
  return false
}

/** Deleting a namespace touches a rule on deleting anything that can be in it. */
export function touchesContents(rule: Rule, action: KubernetesAction): boolean {
  if (rule.touched !== null && !rule.touched.has('delete')) return false
  if (rule.namespaces !== null && action.namespace !== '' && !rule.namespaces.has(action.namespace))
    return false
  const { resources } = rule
  if (resources === null || resources.any) return true
  for (const name of resources.exact) {
    if (!name.includes('/') && couldBeInNamespace(rule, name)) return true
  }
  return false
}

function couldBeInNamespace(rule: Rule, resource: string): boolean {
  if (rule.apiGroups !== null && !rule.apiGroups.any) {
    for (const group of rule.apiGroups.set) if (isNamespaced(group, resource) !== false) return true
    return false
  }
  const groups = groupsOf(resource)
  return groups.length === 0 || groups.some(group => isNamespaced(group, resource) === true)
}

function isCollection({ verb }: KubernetesAction): boolean {
  return verb === 'list' || verb === 'watch' || verb === 'deletecollection'
}
