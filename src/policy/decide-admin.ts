import type { Principal } from '../identity/principal.ts'
import type { AdminAction, Decision, PolicySet } from './decision.ts'
import { standIn } from './stand-in.ts'

/** A decision about Sallyport itself, where there is neither session nor connection. */
export function decideAdmin(
  policies: PolicySet,
  principal: Principal,
  action: AdminAction,
  now: number,
): Decision {
  return policies.decide(action, standIn(principal, '', now))
}
