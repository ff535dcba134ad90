import { Facts } from './condition/facts.ts'
import { coversAdmin, matchesAdmin } from './covers.ts'
import type { Action, Circumstances, Effect } from './decision.ts'
import { gapsOf } from './reason.ts'
import type { Rule } from './rule.ts'
import { touches, touchesAdmin } from './touches.ts'

export interface ConsideredRule {
  /** `policy/rule` */
  readonly rule: string
  readonly effect: Effect
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
    return meant
      ? { matched: true, why: 'all fields match' }
      : { matched: false, why: 'is about other principals' }
  }
  const gaps = gapsOf(rule, action, c)
  const needs = gaps.map(g => g.field).join(', ')
  if (rule.effect === 'allow') {
    return gaps.length === 0
      ? { matched: true, why: 'covers the request' }
      : { matched: false, why: `does not cover it: ${gaps.map(g => `needs ${g.needs}`).join('; ')}` }
  }
  if (!touches(rule, action, c)) return { matched: false, why: 'is about something else' }
  return {
    matched: true,
    why: gaps.length === 0 ? 'is about the request' : `could be about it (in doubt: ${needs})`,
  }
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
