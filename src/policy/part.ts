import type { KubernetesAction } from '../kubernetes/action.ts'
import {
  coversConnection,
  coversImpersonation,
  coversLabels,
  coversName,
  coversNamespace,
  coversRisks,
  matchesWord,
} from './covers.ts'
import type { Circumstances, Decision, ShownPart } from './decision.ts'
import { coversCircumstances } from './fields/circumstantial.ts'
import type { Rule } from './rule.ts'
import { isNamespaced } from './vocabulary.ts'
import { shortReason } from './words.ts'

/** Reads whose answer can be judged object by object. */
export function mayBeInPart(action: KubernetesAction): boolean {
  return action.isResource && action.subresource === '' && (isCollection(action) || action.verb === 'get')
}

/**
 * Of the allow rules that match by verb and resource, those that cover some of the objects which a list or watch reaches; of a
 * single object, those that would if it had their labels. Their conditions are not looked at here.
 */
export function partRules(allow: readonly Rule[], action: KubernetesAction, c: Circumstances): Rule[] {
  return allow.filter(
    rule =>
      matchesWord(rule.apiGroups, action.apiGroup) &&
      (coversNamespace(rule, action) || reachesNamespaces(action)) &&
      (coversName(rule, action) || (isCollection(action) && action.name === '')) &&
      coversRisks(rule, action) &&
      coversImpersonation(rule, action) &&
      coversConnection(rule, c) &&
      rule.subjects.includes(c.session.principal, c.connection.name) &&
      (rule.circumstantial === null || coversCircumstances(rule.circumstantial, action, c)) &&
      mayFilter(rule, action),
  )
}

/**
 * The decision of rules that cover parts; null when they cover none that could be told apart. Objects change their labels, and
 * only the cluster knows which had them before: so labels are asked for by selector, and there can be one only. Rules with
 * labels count where all have the same, or no other rule covers a part.
 */
export function joinParts(rules: readonly Rule[], isSingle: boolean, policyDigest: string): Decision | null {
  const plain = rules.filter(rule => rule.labels === null)
  const used = plain.length > 0 ? plain : rules
  if (used.length === 0) return null
  const byLabels = plain.length === 0
  const selector = isSingle ? '' : (used[0]!.labels?.selector ?? '')
  if (!isSingle && used.some(rule => (rule.labels?.selector ?? '') !== selector)) return null
  const names = used.map(rule => rule.name)
  const namespaces = used.every(rule => rule.namespaces !== null && rule.resourceNames === null)
    ? [...new Set(used.flatMap(rule => rule.namespaces!.patterns))]
    : []
  const reason = shortReason(`allowed in part: what ${names.join(', ')} covers is shown`)
  return {
    effect: 'allow',
    rules: names,
    reason,
    part: { selector, byLabels, namespaces, shown: used.map(shownBy) },
    policyDigest,
    // Where some ask for no reason, what they cover is shown without one.
    ...(used.every(rule => rule.requireReason) ? { requireReason: true } : {}),
  }
}

function shownBy({ namespaces, resourceNames, labels }: Rule): ShownPart {
  return {
    ...(namespaces === null ? {} : { namespaces: namespaces.patterns }),
    ...(resourceNames === null ? {} : { resourceNames: resourceNames.patterns }),
    ...(labels === null ? {} : { labels: labels.selector }),
  }
}

/** Whoever lists may conclude from what is missing: it is left out only where a rule says so. One object is there or is not. */
function mayFilter(rule: Rule, action: KubernetesAction): boolean {
  return action.verb === 'get' ? rule.labels !== null && !coversLabels(rule.labels, action) : rule.filter
}

/** RequestInfo counts a Namespace as being in itself. What lives in no namespace is in none that a rule names. */
function reachesNamespaces(action: KubernetesAction): boolean {
  if (!isCollection(action) || action.namespace !== '') return false
  if (action.apiGroup === '' && action.resource === 'namespaces') return true
  return (action.namespaced ?? isNamespaced(action.apiGroup, action.resource)) === true
}

function isCollection({ verb }: KubernetesAction): boolean {
  return verb === 'list' || verb === 'watch'
}
