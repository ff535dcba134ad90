import type { Principal } from '../identity/principal.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { indexCandidates } from './candidates.ts'
import { Facts } from './condition/facts.ts'
import { covers, coversAdmin, coversIndexed, matchesResource, matchesWord } from './covers.ts'
import type { Action, AdminAction, Circumstances, Decision, Limit, PolicySet } from './decision.ts'
import { joinParts, mayBeInPart, partRules } from './part.ts'
import { explainDefaultDeny } from './reason.ts'
import { joinRequirements } from './requirement.ts'
import type { Rule } from './rule.ts'
import { touches, touchesAdmin } from './touches.ts'
import { sayAction, shortReason } from './words.ts'

/** What the evaluation of conditions leaves behind, for reasons. */
export interface Evaluation {
  facts: Facts | null
  failures: Map<Rule, string> | null
}

/**
 * The decision function: deny beats hold beats allow, and nothing means deny. Deny and hold rules count when they touch
 * the request, allow rules when they cover it; a hold can only be lifted where some rule covers the request.
 */
export function createDecide(rules: readonly Rule[], digest: string): Pick<PolicySet, 'decide' | 'shows'> {
  const admin = split(rules.filter(r => r.about.admin))
  const nearResources = rulesForCaller(rules.filter(r => r.about.resources))
  const nearUrls = rulesForCaller(rules.filter(r => r.about.urls))
  const candidatesFor = indexCandidates(rules)

  const brief: Decision = Object.freeze({ effect: 'deny', rules: [], reason: '', policyDigest: digest })

  /** `isBrief`: only whether it is allowed matters, as a whole. */
  function decideRequest(action: KubernetesAction, c: Circumstances, isBrief = false): Decision {
    const { deny, hold, limit, allow } = candidatesFor(action)
    const evaluation: Evaluation = { facts: null, failures: null }
    for (let i = 0; i < deny.length; i++) {
      const rule = deny[i]!
      if (touches(rule, action, c) && mayBeMet(rule, action, c, evaluation)) {
        return isBrief ? brief : stopped(rule, action, evaluation)
      }
    }
    let held: Rule[] | null = null
    let requireReason = false
    for (let i = 0; i < hold.length; i++) {
      const rule = hold[i]!
      if (!touches(rule, action, c) || !mayBeMet(rule, action, c, evaluation)) continue
      if (held === null) held = [rule]
      else held.push(rule)
      requireReason ||= rule.requireReason
    }
    let allowing: Rule | null = null
    for (let i = 0; i < allow.length; i++) {
      const rule = allow[i]!
      // One that asks for no reason is better: an allow rule never takes away what another one gives.
      if (allowing !== null && rule.requireReason) continue
      if (!coversIndexed(rule, action, c) || !isMet(rule, action, c, evaluation)) continue
      allowing = rule
      if (!rule.requireReason) break
    }
    if (isBrief) return held === null && allowing !== null ? allowing.decision : brief
    let decision: Decision | null = null
    if (held === null) decision = allowing?.decision ?? inPart(allow, action, c, evaluation)
    else {
      // What an approval may open must be covered by somebody's words: a rule that allows, or one that holds this very request.
      for (let i = 0; i < held.length && allowing === null; i++) {
        const rule = held[i]!
        if (!rule.guard && covers(rule, action, c) && isMet(rule, action, c, evaluation)) allowing = rule
      }
      if (allowing !== null) decision = heldBy(held, allowing, requireReason || allowing.requireReason)
    }
    if (decision === null) return nothing(action, c, evaluation)
    return limit.length === 0 ? decision : counted(decision, limit, action, c, evaluation)
  }

  /** In doubt a request counts. */
  function counted(
    decision: Decision,
    candidates: readonly Rule[],
    action: KubernetesAction,
    c: Circumstances,
    evaluation: Evaluation,
  ): Decision {
    let limits: Limit[] | null = null
    for (let i = 0; i < candidates.length; i++) {
      const rule = candidates[i]!
      if (!touches(rule, action, c) || !mayBeMet(rule, action, c, evaluation)) continue
      limits ??= []
      limits.push(rule.limit!)
    }
    return limits === null ? decision : { ...decision, limits }
  }

  function decideAdmin(action: AdminAction, c: Circumstances): Decision {
    const evaluation: Evaluation = { facts: null, failures: null }
    for (const rule of admin.deny) {
      if (touchesAdmin(rule, action, c) && mayBeMet(rule, action, c, evaluation)) {
        return stopped(rule, null, evaluation)
      }
    }
    for (const rule of admin.hold) {
      if (touchesAdmin(rule, action, c) && mayBeMet(rule, action, c, evaluation))
        return heldBy([rule], rule, false)
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
  function heldBy(held: readonly Rule[], covering: Rule, requireReason: boolean): Decision {
    const [first] = held as readonly [Rule]
    const names = held.map(rule => rule.name)
    return {
      ...first.decision,
      rules: names.includes(covering.name) ? names : [...names, covering.name],
      holds: names,
      requirement: joinRequirements(held.map(rule => rule.requirement)),
      ...(requireReason ? { requireReason } : {}),
    }
  }

  /** What no rule covers as a whole is answered in part, if rules cover parts of it and say so. */
  function inPart(
    allow: readonly Rule[],
    action: KubernetesAction,
    c: Circumstances,
    evaluation: Evaluation,
  ): Decision | null {
    if (!mayBeInPart(action)) return null
    const rules = partRules(allow, action, c).filter(rule => isMet(rule, action, c, evaluation))
    return joinParts(rules, action.verb === 'get', digest)
  }

  function nothing(action: KubernetesAction, c: Circumstances, evaluation: Evaluation): Decision {
    const candidates = action.isResource ? nearResources(c) : nearUrls(c)
    const why = explainDefaultDeny(candidates, action, c, evaluation.failures ?? new Map())
    return { effect: 'deny', rules: why.rules, reason: shortReason(why.reason), policyDigest: digest }
  }

  return {
    decide: (action, circumstances) =>
      action.protocol === 'admin' ? decideAdmin(action, circumstances) : decideRequest(action, circumstances),
    shows(action, circumstances, isReasoned) {
      const { effect, requireReason } = decideRequest(action, circumstances, true)
      return effect === 'allow' && (isReasoned || requireReason !== true)
    },
  }
}

/** Deny and hold: a condition that cannot be answered counts as met. */
export function mayBeMet(rule: Rule, action: Action, c: Circumstances, evaluation: Evaluation): boolean {
  return evaluateCondition(rule, action, c, evaluation) !== false
}

/** Allow: a condition that cannot be answered counts as not met. */
export function isMet(rule: Rule, action: Action, c: Circumstances, evaluation: Evaluation): boolean {
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

/** The rules that are for a caller at all, remembered as long as the caller is: a refusal names the nearest of them. */
function rulesForCaller(rules: readonly Rule[]): (c: Circumstances) => readonly Rule[] {
  const known = new WeakMap<Principal, Map<string, readonly Rule[]>>()
  return ({ session: { principal }, connection: { name } }) => {
    let byConnection = known.get(principal)
    if (byConnection === undefined) {
      byConnection = new Map()
      known.set(principal, byConnection)
    }
    let own = byConnection.get(name)
    if (own === undefined) {
      own = rules.filter(rule => rule.subjects.includes(principal, name))
      byConnection.set(name, own)
    }
    return own
  }
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
