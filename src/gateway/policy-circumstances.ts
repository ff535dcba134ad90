import type { Circumstances } from '../policy/decision.ts'
import type { Classified } from './exchange.ts'

/** What policy may look at beside the action. `now`: milliseconds since the epoch. */
export function circumstancesOf(x: Classified, now: number): Circumstances {
  const { caller, session, connection, parsed } = x
  const command = parsed.headers.get('kubectl-command') ?? ''
  const client = { address: caller.address, userAgent: caller.userAgent, command }
  return { session, connection, client, now }
}
