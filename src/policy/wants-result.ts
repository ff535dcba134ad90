import type { KubernetesAction } from '../kubernetes/action.ts'
import { indexCandidates } from './candidates.ts'
import { covers, coversIndexed } from './covers.ts'
import { type Evaluation, isMet, mayBeMet } from './decide.ts'
import type { Circumstances } from './decision.ts'
import { mayCreate } from './effects.ts'
import type { Rule } from './rule.ts'
import { touches } from './touches.ts'

/** What must be known beside the request before it can be decided. */
export interface WantedResult {
  /** The object as it is before the write, too. */
  readonly before: boolean
}

/**
 * Whether a write says only a part of what comes of it, and a rule that could decide it looks at the whole. Null: it is
 * judged as it is written, or nothing that could come of it would be allowed, so nobody needs to look.
 */
export function createWantsResult(
  rules: readonly Rule[],
): (action: KubernetesAction, c: Circumstances) => WantedResult | null {
  if (!rules.some(rule => rule.reads.body || rule.reads.before)) return () => null
  const candidatesFor = indexCandidates(rules)

  return (action, c) => {
    const { verb, body } = action
    if (body === null || !action.isResource || (verb !== 'patch' && verb !== 'update')) return null
    const isPartial = saysOnlyAPart(action)
    const { deny, hold, limit, allow } = candidatesFor(action)
    // Nothing is known of the body: whatever could be said of it is possible.
    const open: KubernetesAction = { ...action, images: null }
    const evaluation: Evaluation = { facts: null, failures: null }
    let wanted = false
    let before = false
    let passes = false
    for (const rules of [deny, hold, limit, allow]) {
      for (const rule of rules) {
        const { reads, effect } = rule
        if (reads.before || (isPartial && reads.body)) {
          const opens = mayOpen(rule, action, c)
          passes ||= opens
          if (effect === 'allow' ? !opens : !touches(rule, open, c)) continue
          wanted = true
          before ||= reads.before
        } else if (effect === 'deny') {
          if (touches(rule, action, c) && mayBeMet(rule, action, c, evaluation)) return null
        } else if (effect === 'allow') {
          passes ||= coversIndexed(rule, action, c) && isMet(rule, action, c, evaluation)
        } else if (effect === 'hold') {
          passes ||= mayOpen(rule, action, c)
        }
      }
    }
    return wanted && passes ? { before } : null
  }
}

/** Whether it could cover the request, whatever its body comes to. */
function mayOpen(rule: Rule, action: KubernetesAction, c: Circumstances): boolean {
  if (rule.guard || (rule.effect !== 'allow' && rule.effect !== 'hold')) return false
  const { circumstantial } = rule
  if (circumstantial === null || circumstantial.images === null) return covers(rule, action, c)
  return covers({ ...rule, circumstantial: { ...circumstantial, images: null } }, action, c)
}

/** Patches of all kinds, a PUT that may create, and a change of the number of replicas. */
export function saysOnlyAPart(action: KubernetesAction): boolean {
  return action.verb === 'patch' || action.subresource === 'scale' || mayCreate(action)
}
