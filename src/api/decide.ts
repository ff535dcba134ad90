import { Refusal } from '../errors/refusal.ts'
import type { AdminAction, Decision } from '../policy/decision.ts'
import type { Access, Judged } from './access.ts'
import type { Recorded } from './record.ts'
import type { ApiServices } from './services.ts'

/**
 * Asks the policy engine for every action of the request; the first that is denied ends it. What is held is asked about as a
 * whole: the same request passes when it comes again after the approval.
 */
export async function decide(
  services: ApiServices,
  rule: Extract<Access, { kind: 'decided' }>,
  judged: Judged,
  recorded: Recorded,
): Promise<void> {
  const actions = await rule.actions(judged, services)
  if (actions.length === 0) throw new Error('a decided route named no action')
  recorded.actions = actions
  const held: { action: AdminAction; decision: Decision }[] = []
  for (const action of actions) {
    const decision = services.decideAdmin(judged.principal, action, recorded.client)
    recorded.decision = decision
    recorded.decidedAt = services.now()
    if (decision.effect === 'allow') continue
    recorded.actions = [action]
    if (decision.effect === 'hold') {
      held.push({ action, decision })
      continue
    }
    throw new Refusal('denied-by-policy', {
      check: decision.rules[0] ?? 'default-deny',
      detail: `${action.verb} on ${action.resource}${action.name === '' ? '' : `/${action.name}`}: ${decision.reason}`,
    })
  }
  if (held.length === 0) return
  recorded.actions = actions
  recorded.decision = held[0]!.decision
  recorded.decision = await services.hold(judged.principal, {
    call: recorded.call,
    held,
    request: [recorded.method, judged.params, judged.query, judged.body],
    foresee: () => rule.foresee?.(judged, services) ?? Promise.resolve(undefined),
  })
}
