import type { KubernetesAction } from '../kubernetes/action.ts'
import { indexCandidates } from './candidates.ts'
import { Facts } from './condition/facts.ts'
import { covers, coversAdmin, coversIndexed, matchesResource, matchesWord } from './covers.ts'
import type { Action, AdminAction, Circumstances, Decision } from './decision.ts'
import { explainDefaultDeny } from './reason.ts'
import { joinRequirements } from './requirement.ts'
import type { Rule } from './rule.ts'
import { touches, touchesAdmin } from './touches.ts'
import { sayAction, shortReason } from './words.ts'

/** What the evaluation of conditions leaves behind, for reasons. */
interface Evaluation {
  facts: Facts | null
  failures: Map<Rule, string> | null
}

/**
 * The decision function: deny beats hold beats allow, and nothing means deny. Deny and hold rules count when they touch
 * the request, allow rules when they cover it; a hold can only be lifted where some rule covers the request.
 */
export function createDecide(
  rules: readonly Rule[],
  digest: string,
): (action: Action, circumstances: Circumstances) => Decision {
  const admin = split(rules.filter(r => r.about.admin))
  const ofResources = rules.filter(r => r.about.resources)
  const ofUrls = rules.filter(r => r.about.urls)
  const candidatesFor = indexCandidates(rules)

  function decideRequest(action: KubernetesAction, c: Circumstances): Decision {
    const { deny, hold, allow } = candidatesFor(action)
    const evaluation: Evaluation = { facts: null, failures: null }
    for (let i = 0; i < deny.length; i++) {
      const rule = deny[i]!
      if (touches(rule, action, c) && mayBeMet(rule, action, c, evaluation)) {
        return stopped(rule, action, evaluation)
      }
    }
    let held: Rule[] | null = null
    for (let i = 0; i < hold.length; i++) {
      const rule = hold[i]!
      if (!touches(rule, action, c) || !mayBeMet(rule, action, c, evaluation)) continue
      if (held === null) held = [rule]
      else held.push(rule)
    }
    let allowing: Rule | null = null
    for (let i = 0; i < allow.length && allowing === null; i++) {
      const rule = allow[i]!
      if (coversIndexed(rule, action, c) && isMet(rule, action, c, evaluation)) allowing = rule
    }
    if (held === null) {
      return allowing === null ? nothing(action, c, evaluation) : allowing.decision
    }
    // What an approval may open must be covered by somebody's words: a rule that allows, or one that holds.
    for (let i = 0; i < hold.length && allowing === null; i++) {
      const rule = hold[i]!
      if (covers(rule, action, c) && isMet(rule, action, c, evaluation)) allowing = rule
    }
    return allowing === null ? nothing(action, c, evaluation) : heldBy(held, allowing)
  }

  function decideAdmin(action: AdminAction, c: Circumstances): Decision {
    const evaluation: Evaluation = { facts: null, failures: null }
    for (const rule of admin.deny) {
      if (touchesAdmin(rule, action, c) && mayBeMet(rule, action, c, evaluation)) {
        return stopped(rule, null, evaluation)
      }
    }
    for (const rule of admin.hold) {
      if (touchesAdmin(rule, action, c) && mayBeMet(rule, action, c, evaluation)) return heldBy([rule], rule)
    }
    for (const rule of admin.allow) {
      if (coversAdmin(rule, action, c) && isMet(rule, action, c, evaluation)) return rule.decision
    }
    const reason = `nothing allows ${sayAction(action)}; it takes a rule with admin: {verbs: [${action.verb}]}`
    return { effect: 'deny', rules: [], reason: shortReason(reason), policyDigest: digest }
  }

  /** A rule that stops something, stopping. Its decision is ready-made unless there is more to say. */
  function stopped(rule: Rule, action: KubernetesAction | null, evaluation: Evaluation): Decision {
    const failure = evaluation.failures?.get(rule)
    const why =
      failure !== undefined
        ? ` (its condition failed, which counts as met: ${failure})`
        : action === null
          ? ''
          : indirection(rule, action)
    return why === '' ? rule.decision : { ...rule.decision, reason: shortReason(rule.decision.reason + why) }
  }

  /** Every rule that holds it must be satisfied, so all are named; an approval of one is none of another. */
  function heldBy(held: readonly Rule[], covering: Rule): Decision {
    const [first] = held as readonly [Rule]
    const names = held.map(rule => rule.name)
    return {
      ...first.decision,
      rules: names.includes(covering.name) ? names : [...names, covering.name],
      holds: names,
      requirement: joinRequirements(held.map(rule => rule.requirement)),
    }
  }

  function nothing(action: KubernetesAction, c: Circumstances, evaluation: Evaluation): Decision {
    const candidates = action.isResource ? ofResources : ofUrls
    const why = explainDefaultDeny(candidates, action, c, evaluation.failures ?? new Map())
    return { effect: 'deny', rules: why.rules, reason: shortReason(why.reason), policyDigest: digest }
  }

  return (action, circumstances) =>
    action.protocol === 'admin' ? decideAdmin(action, circumstances) : decideRequest(action, circumstances)
}

/** Deny and hold: a condition that cannot be answered counts as met. */
function mayBeMet(rule: Rule, action: Action, c: Circumstances, evaluation: Evaluation): boolean {
  return evaluateCondition(rule, action, c, evaluation) !== false
}

/** Allow: a condition that cannot be answered counts as not met. */
function isMet(rule: Rule, action: Action, c: Circumstances, evaluation: Evaluation): boolean {
  return evaluateCondition(rule, action, c, evaluation) === true
}

function evaluateCondition(
  rule: Rule,
  action: Action,
  c: Circumstances,
  evaluation: Evaluation,
): boolean | null {
  if (rule.condition === null) return true
  evaluation.facts ??= new Facts(action, c)
  const result = rule.condition.evaluate(evaluation.facts)
  if (typeof result === 'boolean') return result
  evaluation.failures ??= new Map()
  evaluation.failures.set(rule, result.error)
  return null
}

/** Says why a rule stops a request that does not name what the rule names. */
export function indirection(rule: Rule, action: KubernetesAction): string {
  if (!action.isResource) return ''
  const direct = matchesResource(rule.resources, action.resource, action.subresource)
  const inGroup = matchesWord(rule.apiGroups, action.apiGroup)
  if (!direct || !inGroup || !matchesWord(rule.verbs, action.verb))
    return ` (${sayAction(action)} amounts to it)`
  const widened =
    (rule.namespaces !== null && action.namespace === '' && action.resource !== 'namespaces') ||
    (rule.resourceNames !== null && action.name === '')
  return widened ? ` (${sayAction(action)} could reach it)` : ''
}

function split(rules: readonly Rule[]): { deny: Rule[]; hold: Rule[]; allow: Rule[] } {
  return {
    deny: rules.filter(r => r.effect === 'deny'),
    hold: rules.filter(r => r.effect === 'hold'),
    allow: rules.filter(r => r.effect === 'allow'),
  }
}
