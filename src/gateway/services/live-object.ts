import { describeUpstreamIdentity } from '../../connections/upstream-identity.ts'
import { Refusal } from '../../errors/refusal.ts'
import { type CollectedAnswer, collect } from '../../tunnel/calls/collect.ts'
import type { AgentLink } from '../../tunnel/contract.ts'
import type { Decided } from '../exchange.ts'
import type { OwnCalls } from '../own-calls.ts'

/** Bytes of one object, or of the releases of one chart. */
const LIMIT = 32 * 1024 * 1024

/**
 * Reads from the cluster as the session itself, with no more rights than it has: what it may not get, nobody gets for it.
 * A call of the gateway's own, recorded before its answer is used; what it reads never reaches the caller.
 */
export function liveObjectReader(parts: {
  readonly ownCalls: OwnCalls
  agentFor(connection: Decided['connection']): AgentLink | undefined
}): (x: Decided, target: string, purpose?: 'write-back' | 'approval') => Promise<CollectedAnswer> {
  return async (x, target, purpose = 'write-back') => {
    const link = parts.agentFor(x.connection)
    if (link === undefined) throw new Refusal('agent-unavailable', { retryAfter: 2 })
    const identity = describeUpstreamIdentity(x.session, x.connection, x.action)
    return collect(
      parts.ownCalls.through(link, purpose),
      {
        connection: x.connection.name,
        method: 'GET',
        target,
        headers: ['accept', 'application/json', 'accept-encoding', 'identity'],
        body: null,
        identity,
        auditId: '',
        headTimeout: 30_000,
      },
      LIMIT,
    )
  }
}
