import { Refusal } from '../errors/refusal.ts'
import type { Access, Judged } from './access.ts'
import type { Recorded } from './record.ts'
import type { ApiServices } from './services.ts'

/** Asks the policy engine for every action of the request; the first that is not allowed ends it. */
export async function decide(
  services: ApiServices,
  rule: Extract<Access, { kind: 'decided' }>,
  judged: Judged,
  recorded: Recorded,
): Promise<void> {
  const actions = await rule.actions(judged, services)
  if (actions.length === 0) throw new Error('a decided route named no action')
  recorded.actions = actions
  for (const action of actions) {
    const decision = services.decideAdmin(judged.principal, action)
    recorded.decision = decision
    if (decision.effect === 'allow') continue
    recorded.actions = [action]
    const hold = decision.effect === 'hold'
    throw new Refusal(hold ? 'approval-required' : 'denied-by-policy', {
      check: decision.rules[0] ?? (hold ? 'hold' : 'default-deny'),
      detail: `${action.verb} on ${action.resource}${action.name === '' ? '' : `/${action.name}`}: ${decision.reason}`,
    })
  }
}
