import { Refusal } from '../../errors/refusal.ts'
import { principalKey } from '../../identity/principal.ts'
import type { Decision } from '../../policy/decision.ts'
import type { Classified, Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { circumstancesOf } from '../policy-circumstances.ts'
import { judgedAction } from '../result-of-write.ts'

export function decide(gateway: Gateway, x: Classified): Decided {
  const circumstances = circumstancesOf(x, gateway.now())
  const policies = gateway.policies()
  if (x.refusedAhead !== undefined) return undecided(x, policies.digest, circumstances.now)
  const decision = policies.decide(judgedAction(x), circumstances)
  x.progress.decision = decision
  x.progress.decidedAt = circumstances.now
  const said = x.parsed.headers.get('sallyport-reason')?.trim() || x.session.reason
  if (said !== undefined) x.progress.statedReason = said.slice(0, 500)
  if (decision.effect === 'deny') {
    throw new Refusal('denied-by-policy', {
      check: decision.rules[0] ?? 'default-deny',
      detail: decision.reason,
    })
  }
  if (decision.requireReason === true && said === undefined) {
    throw new Refusal('reason-required', {
      check: decision.rules[0]!,
      detail: `a reason is needed on connection ${x.connection.name}`,
    })
  }
  if (decision.limits !== undefined) countIn(gateway, x, decision, circumstances.now)
  return Object.assign(x, { decision })
}

/** The cluster would refuse it, and says so itself. */
function undecided(x: Classified, policyDigest: string, now: number): Decided {
  const reason = 'not decided: the cluster would refuse it'
  const decision: Decision = { effect: 'deny', rules: [], reason, policyDigest }
  x.progress.decision = decision
  x.progress.decidedAt = now
  return Object.assign(x, { decision })
}

function countIn(gateway: Gateway, x: Classified, { limits }: Decision, now: number): void {
  const of = { principal: principalKey(x.principal), session: x.session.id }
  const reached = gateway.rates.take(limits!, of, now)
  if (reached === null) return
  const { rule, count, per, reason } = reached.limit
  const whose = reached.limit.of === 'session' ? 'session' : 'person or program'
  throw new Refusal('rate-limited', {
    check: rule,
    detail: `${count} in ${per / 1000} s of each ${whose}${reason === undefined ? '' : `: ${reason}`}`,
    retryAfter: reached.retryAfter,
  })
}
