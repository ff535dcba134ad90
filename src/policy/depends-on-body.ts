import type { KubernetesAction } from '../kubernetes/action.ts'
import { covers } from './covers.ts'
import type { Circumstances } from './decision.ts'
import type { Rule } from './rule.ts'
import { touches } from './touches.ts'

/**
 * Names of the rules that look at what is sent, where somebody only asks whether he could: with one body they are met, with
 * another one not; and it would be sent by another command than the question.
 */
export function dependsOnBody(rules: readonly Rule[], action: KubernetesAction, c: Circumstances): string[] {
  return rules
    .filter(rule => rule.effect !== 'limit' && looksAtRequest(rule, action))
    .map(rule => ({ ...rule, circumstantial: null }))
    .filter(rule => (rule.effect === 'allow' ? covers(rule, action, c) : touches(rule, action, c)))
    .map(rule => rule.name)
}

function looksAtRequest({ condition, circumstantial }: Rule, action: KubernetesAction): boolean {
  if (circumstantial?.client?.commands != null) return true
  if (!action.hasSideEffect || action.body !== null) return false
  if (condition !== null && /\b(?:body|images)\b/.test(condition.source)) return true
  return circumstantial !== null && (circumstantial.images !== null || circumstantial.dryRun !== null)
}
