import type { KubernetesAction } from '../kubernetes/action.ts'
import { coversConnection } from './covers.ts'
import type { Circumstances } from './decision.ts'
import type { Rule } from './rule.ts'

/** How often a decision may change by the mere passing of time. Windows begin and end with minutes; null: it stays. */
export type Pace = 'second' | 'minute' | null

/** What a rule makes of time: windows go by minutes, a condition on `now` may ask for anything. */
export function paceOf(rule: Pick<Rule, 'circumstantial' | 'condition'>): Pace {
  if (rule.condition !== null && /\bnow\b/.test(rule.condition.source)) return 'second'
  return rule.circumstantial?.time == null ? null : 'minute'
}

/** Of one call: by the rules that could be about who makes it, and where. Rather too often than not. */
export function createPace(
  rules: readonly Rule[],
): (action: Pick<KubernetesAction, 'impersonate'>, c: Circumstances) => Pace {
  const timed = rules.flatMap(rule => {
    const pace = paceOf(rule)
    return pace === null || rule.about.admin ? [] : [{ rule, pace }]
  })
  return (action, c) => {
    let found: Pace = null
    for (const { rule, pace } of timed) {
      if (pace === found || !coversConnection(rule, c)) continue
      if (!rule.subjects.couldMean(c.session.principal, action.impersonate)) continue
      if (pace === 'second') return pace
      found = pace
    }
    return found
  }
}
