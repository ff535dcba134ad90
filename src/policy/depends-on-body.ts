import type { KubernetesAction } from '../kubernetes/action.ts'
import { covers } from './covers.ts'
import type { Circumstances } from './decision.ts'
import type { Rule } from './rule.ts'
import { touches } from './touches.ts'

/**
 * Names of the rules whose condition looks at what is sent, where somebody only asks whether he could: with one body it is
 * met, with another one not.
 */
export function dependsOnBody(rules: readonly Rule[], action: KubernetesAction, c: Circumstances): string[] {
  if (!action.hasSideEffect || action.body !== null) return []
  return rules
    .filter(rule => rule.condition !== null && /\bbody\b/.test(rule.condition.source))
    .filter(rule => (rule.effect === 'allow' ? covers(rule, action, c) : touches(rule, action, c)))
    .map(rule => rule.name)
}
