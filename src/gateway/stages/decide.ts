import { Refusal } from '../../errors/refusal.ts'
import type { Classified, Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'

export function decide(gateway: Gateway, x: Classified): Decided {
  const decision = gateway.policies().decide(x.action, {
    session: x.session,
    connection: x.connection,
    now: gateway.now(),
  })
  x.progress.decision = decision
  if (decision.effect === 'deny') {
    throw new Refusal('denied-by-policy', {
      check: decision.rules[0] ?? 'default-deny',
      detail: decision.reason,
    })
  }
  return Object.assign(x, { decision })
}
