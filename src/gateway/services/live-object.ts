import type { Trial } from '../../approvals/foresight.ts'
import { describeUpstreamIdentity } from '../../connections/upstream-identity.ts'
import { Refusal } from '../../errors/refusal.ts'
import { requestHeadersToForward } from '../../kubernetes/negotiation/headers.ts'
import { type CollectedAnswer, collect } from '../../tunnel/calls/collect.ts'
import type { AgentLink, UpstreamCall } from '../../tunnel/contract.ts'
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
  /** The roles that the session gets while it lives; undefined: they are there. */
  haveRights(session: Decided['session'], connection: Decided['connection']): Promise<void> | undefined
}): LiveReader {
  async function send(
    x: Decided,
    purpose: string,
    call: Pick<UpstreamCall, 'method' | 'target' | 'headers' | 'body'>,
  ): Promise<CollectedAnswer> {
    const rights = parts.haveRights(x.session, x.connection)
    if (rights !== undefined) await rights
    const link = parts.agentFor(x.connection)
    if (link === undefined) throw new Refusal('agent-unavailable', { retryAfter: 2 })
    const identity = describeUpstreamIdentity(x.session, x.connection, x.action)
    const connection = x.connection.name
    const whole = { ...call, connection, identity, auditId: '', headTimeout: 30_000 }
    return collect(parts.ownCalls.through(link, purpose), whole, LIMIT)
  }

  return {
    read(x, target, purpose = 'write-back') {
      const headers = ['accept', 'application/json', 'accept-encoding', 'identity']
      return send(x, purpose, { method: 'GET', target, headers, body: null })
    },
    dryRun(x, { target, body, mediaType }) {
      const headers = requestHeadersToForward(x.parsed, 'application/json', { bytes: body, mediaType })
      return send(x, 'approval', { method: x.parsed.method, target, headers, body })
    },
  }
}

export interface LiveReader {
  read(x: Decided, target: string, purpose?: 'write-back' | 'approval'): Promise<CollectedAnswer>
  /** What would come of the request; nothing is changed. */
  dryRun(x: Decided, trial: Trial): Promise<CollectedAnswer>
}
