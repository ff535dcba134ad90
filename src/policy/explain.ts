import type { KubernetesAction } from '../kubernetes/action.ts'
import { Facts } from './condition/facts.ts'
import {
  coversAdmin,
  coversConnection,
  coversKind,
  coversVerb,
  matchesAdmin,
  matchesResource,
  matchesUrl,
  matchesWord,
  touchesImpersonation,
} from './covers.ts'
import type { Action, Circumstances, RuleEffect } from './decision.ts'
import { circumstantialFields, holds } from './fields/circumstantial.ts'
import { mayBeInPart, partRules } from './part.ts'
import { type Gap, gapsOf } from './reason.ts'
import type { Rule } from './rule.ts'
import { touches, touchesAdmin, touchesName, touchesNamespace, touchesRisks, touchesVerb } from './touches.ts'

export interface ConsideredRule {
  /** `policy/rule` */
  readonly rule: string
  readonly effect: RuleEffect
  readonly matched: boolean
  /** One clause that says why it did or did not. */
  readonly why: string
}

/** Every rule, and what came of it for this action. Slower than a decision, and says the same. */
export function explainWith(rules: readonly Rule[], action: Action, c: Circumstances): ConsideredRule[] {
  const facts = new Facts(action, c)
  return rules.map(rule => {
    const fields = fieldsOf(rule, action, c)
    const { matched, why } = fields.matched ? conditionOf(rule, facts, fields.why) : fields
    return { rule: rule.name, effect: rule.effect, matched, why }
  })
}

interface Answer {
  readonly matched: boolean
  readonly why: string
}

function fieldsOf(rule: Rule, action: Action, c: Circumstances): Answer {
  if (action.protocol === 'admin') {
    if (!matchesAdmin(rule, action)) return { matched: false, why: 'is about other actions' }
    const meant = rule.effect === 'allow' ? coversAdmin(rule, action, c) : touchesAdmin(rule, action, c)
    if (meant) return { matched: true, why: 'all fields match' }
    const covers = rule.effect === 'allow'
    const { principal } = c.session
    const them = covers ? rule.subjects.includes(principal, '') : rule.subjects.couldMean(principal, null)
    const other = [...(them ? [] : ['principals']), ...otherCircumstances(rule, action, c, covers)]
    return { matched: false, why: `is about other ${other.join(', ')}` }
  }
  const gaps = gapsOf(rule, action, c)
  const needs = inDoubt(rule, action, c, gaps)
  if (rule.effect === 'allow') {
    if (gaps.length === 0) return { matched: true, why: 'covers the request' }
    return showsPart(rule, action, c)
      ? { matched: true, why: 'covers a part of it, which is shown' }
      : { matched: false, why: `does not cover it: ${gaps.map(g => `needs ${g.needs}`).join('; ')}` }
  }
  if (!touches(rule, action, c)) {
    return { matched: false, why: `is about other ${apartFrom(rule, action, c).join(', ')}` }
  }
  return {
    matched: true,
    why: needs === '' ? 'is about the request' : `could be about it (in doubt: ${needs})`,
  }
}

function showsPart(rule: Rule, action: KubernetesAction, c: Circumstances): boolean {
  return (
    mayBeInPart(action) &&
    coversVerb(rule, action) &&
    matchesResource(rule.resources, action.resource, action.subresource) &&
    partRules([rule], action, c).length > 0
  )
}

/** Fields of a rule that stops something because of which it does not, in the words of `match`. */
function apartFrom(rule: Rule, action: KubernetesAction, c: Circumstances): string[] {
  const other: string[] = []
  const look = (field: string, fits: boolean): void => {
    if (!fits) other.push(field)
  }
  if (!coversKind(rule, action)) return [action.isResource ? 'paths' : 'resources']
  if (action.isResource) {
    look('verbs', touchesVerb(rule, action, action.verb))
    look('apiGroups', matchesWord(rule.apiGroups, action.apiGroup))
    look('resources', matchesResource(rule.resources, action.resource, action.subresource))
    look('namespaces', touchesNamespace(rule, action))
    look('resourceNames', touchesName(rule, action))
  } else {
    look('verbs', rule.touched === null || rule.touched.has(action.verb))
    look('nonResourceURLs', matchesUrl(rule.urls, action.path))
  }
  look('riskClasses', touchesRisks(rule, action))
  const { impersonate } = rule
  look(
    'impersonate',
    impersonate === null ||
      (action.impersonate !== null && touchesImpersonation(impersonate, action.impersonate)),
  )
  look('connections', coversConnection(rule, c))
  look('principals', rule.subjects.couldMean(c.session.principal, action.impersonate))
  const all = [...other, ...otherCircumstances(rule, action, c, false)]
  // Each field fits under some name of the request, and no name fits all of them.
  return all.length === 0 ? ['requests'] : all
}

function otherCircumstances(rule: Rule, action: Action, c: Circumstances, whole: boolean): string[] {
  const { circumstantial: match } = rule
  if (match === null) return []
  return circumstantialFields.filter(field => {
    const fits = holds(match, field, action, c, whole)
    return whole ? fits !== true : fits === false
  })
}

/** Of the gaps of a rule that stops something those that leave a doubt: images that are there leave none. */
function inDoubt(rule: Rule, action: KubernetesAction, c: Circumstances, gaps: readonly Gap[]): string {
  const { circumstantial: match } = rule
  return gaps
    .filter(({ field }) => {
      const known = circumstantialFields.find(f => f === field)
      return known === undefined || match === null || holds(match, known, action, c, false) === null
    })
    .map(g => g.field)
    .join(', ')
}

function conditionOf(rule: Rule, facts: Facts, why: string): Answer {
  if (rule.condition === null) return { matched: true, why }
  const result = rule.condition.evaluate(facts)
  if (result === true) return { matched: true, why: `${why}, and its condition is met` }
  if (result === false) return { matched: false, why: `${why}, but its condition is not met` }
  return {
    matched: rule.effect !== 'allow',
    why: `${why}; its condition failed, which counts as ${rule.effect === 'allow' ? 'not met' : 'met'}: ${result.error}`,
  }
}
