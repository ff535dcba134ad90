import type { Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'

/**
 * Where a connection maps principals to roles, nothing is sent before the session has them. After the decision: a
 * request that is refused gives nobody rights. Undefined on the way that nearly all requests take: they are there.
 */
export function haveRights(gateway: Gateway, x: Decided): Promise<void> | undefined {
  return gateway.haveRights(x.session, x.connection)
}
