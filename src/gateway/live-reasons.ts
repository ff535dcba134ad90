import type { Grant } from '../approvals/contract.ts'
import type { Connection } from '../connections/connection.ts'
import { Refusal } from '../errors/refusal.ts'
import type { ActiveRules } from '../masking/contract.ts'
import type { PolicySet } from '../policy/decision.ts'
import type { Pace } from '../policy/timed.ts'
import type { Decided, Masking } from './exchange.ts'
import { circumstancesOf } from './policy-circumstances.ts'

/** What calls that go on are judged by. */
export interface LiveJudgeParts {
  policies(): Pick<PolicySet, 'digest' | 'decide' | 'pace'>
  /** What is masked for its caller there now. */
  maskRules(x: Decided, now: number): ActiveRules
  connection(name: string): Connection | undefined
  /** Undefined: it is remembered no more. */
  grant(id: string): Grant | undefined
  now(): number
}

/** Whether anything may have changed since it was decided, or changes by itself. */
export function isInDoubt(parts: LiveJudgeParts, x: Decided): boolean {
  return (
    x.decision.policyDigest !== parts.policies().digest ||
    x.grant !== undefined ||
    paceOf(parts, x) !== null ||
    maskedOtherwise(parts, x, parts.now()) !== null
  )
}

/** An exemption may end at any moment. */
export function paceOf(parts: LiveJudgeParts, x: Decided): Pace {
  if ((x as Partial<Masking>).maskRules?.exempt.length) return 'second'
  return parts.policies().pace(x.action, circumstancesOf(x, parts.now()))
}

/** Null: it may go on. */
export function reasonToEnd(parts: LiveJudgeParts, x: Decided): Refusal | null {
  const connection = parts.connection(x.connection.name)
  if (connection === undefined) {
    return new Refusal('access-ended', {
      check: 'connection',
      detail: `connection ${x.connection.name} is gone`,
    })
  }
  const now = parts.now()
  const decision = parts.policies().decide(x.action, { ...circumstancesOf(x, now), connection })
  const version = `policy ${decision.policyDigest.slice(0, 19)}`
  const check = decision.rules[0] ?? 'default-deny'
  if (decision.effect === 'deny') {
    return new Refusal('access-ended', { check, detail: `${decision.reason} (${version})` })
  }
  if (decision.effect === 'hold') {
    const missing = notLifted(parts, x, decision.holds ?? decision.rules, now)
    if (missing !== null)
      return new Refusal('access-ended', { check: missing.rule, detail: `${missing.why} (${version})` })
  }
  const { part } = decision
  if (part !== undefined && x.decision.part?.byLabels !== part.byLabels) {
    // Its answer is not looked through for that part.
    const detail = `only a part of it is allowed now, and shown when it is asked for anew (${version})`
    return new Refusal('access-ended', { check, detail })
  }
  if (decision.requireReason === true && x.progress.statedReason === undefined) {
    return new Refusal('access-ended', {
      check,
      detail: `the rule wants a reason, and none was said (${version})`,
    })
  }
  return maskedOtherwise(parts, x, now)
}

/** What is masked now would leave in clear; what is not any more need not be. Its caller asks anew. */
function maskedOtherwise(parts: LiveJudgeParts, x: Decided, now: number): Refusal | null {
  const { maskRules } = x as Partial<Masking>
  if (maskRules === undefined) return null
  const rules = parts.maskRules(x, now)
  if (rules === maskRules || rules.same === maskRules.same) return null
  return new Refusal('masking-changed', { check: 'masking', detail: `rules ${rules.digest.slice(0, 19)}` })
}

/** A rule that holds the call and that nobody's answer lifts; null: there is none. */
function notLifted(
  parts: LiveJudgeParts,
  { grant: given }: Decided,
  holds: readonly string[],
  now: number,
): { readonly rule: string; readonly why: string } | null {
  const rule = holds[0] ?? 'hold'
  if (given === undefined) return { rule, why: 'it needs an approval now' }
  const grant = parts.grant(given.id) ?? given
  if (grant.state === 'revoked') return { rule, why: `grant ${grant.id} was revoked` }
  // One that is good once says until when it may be used, not how long what was begun may take.
  if (grant.intent === null && now >= grant.until) return { rule, why: `grant ${grant.id} has ended` }
  const other = holds.find(name => !grant.rules.includes(name))
  return other === undefined ? null : { rule: other, why: 'it needs another approval now' }
}
