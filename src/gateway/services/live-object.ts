import type { Trial } from '../../approvals/foresight.ts'
import { describeUpstreamIdentity } from '../../connections/upstream-identity.ts'
import { Refusal } from '../../errors/refusal.ts'
import { requestHeadersToForward } from '../../kubernetes/negotiation/headers.ts'
import { type CollectedAnswer, collect } from '../../tunnel/calls/collect.ts'
import type { AgentLink, UpstreamCall } from '../../tunnel/contract.ts'
import type { Classified } from '../exchange.ts'
import type { OwnCalls } from '../own-calls.ts'

/** Bytes of one object, or of the releases of one chart. */
const LIMIT = 32 * 1024 * 1024

/**
 * Reads from the cluster as the session itself, with no more rights than it has: what it may not get, nobody gets for it.
 * A call of the gateway's own, recorded before its answer is used; what it reads never reaches the caller.
 */
export function liveObjectReader(parts: {
  readonly ownCalls: OwnCalls
  agentFor(connection: Classified['connection']): AgentLink | undefined
  /** The roles that the session gets while it lives; undefined: they are there. */
  haveRights(session: Classified['session'], connection: Classified['connection']): Promise<void> | undefined
}): LiveReader {
  async function send(x: Classified, purpose: OwnPurpose, call: AgainCall): Promise<CollectedAnswer> {
    const rights = parts.haveRights(x.session, x.connection)
    if (rights !== undefined) await rights
    const { link, whole } = prepared(x, call)
    return collect(parts.ownCalls.through(link, purpose), whole, LIMIT)
  }

  function prepared(x: Classified, call: AgainCall): { link: AgentLink; whole: UpstreamCall } {
    const link = parts.agentFor(x.connection)
    if (link === undefined) throw new Refusal('agent-unavailable', { retryAfter: 2 })
    const identity = describeUpstreamIdentity(x.session, x.connection, x.action)
    const connection = x.connection.name
    return { link, whole: { ...call, connection, identity, auditId: '', headTimeout: 30_000 } }
  }

  return {
    read(x, target, purpose = 'write-back') {
      const headers = ['accept', 'application/json', 'accept-encoding', 'identity']
      return send(x, purpose, { method: 'GET', target, headers, body: null })
    },
    dryRun(x, { target, body, mediaType }, purpose = 'approval') {
      const headers = requestHeadersToForward(x.parsed, 'application/json', { bytes: body, mediaType })
      return send(x, purpose, { method: x.parsed.method, target, headers, body })
    },
    async again(x, call) {
      const { link, whole } = prepared(x, call)
      let answer: CollectedAnswer | undefined
      const facts = {
        ...{ connection: whole.connection, method: call.method, target: call.target, agent: link.name },
        ...{ purpose: 'again', as: whole.identity.user, facts: { call: x.callId } },
      }
      await parts.ownCalls.change(facts, async auditId => {
        // It is recorded here; the link's own records are for calls that nobody else writes down.
        const recorded = { ...linkOf(link), recorded: true as const }
        answer = await collect(recorded, { ...whole, auditId }, LIMIT)
        return answer.status
      })
      return answer!
    },
  }
}

function linkOf(link: AgentLink): AgentLink {
  return {
    name: link.name,
    connected: link.connected,
    dispatch: (call, handler) => link.dispatch(call, handler),
    close: () => link.close(),
  }
}

export type OwnPurpose = 'write-back' | 'approval' | 'policy'
export type AgainCall = Pick<UpstreamCall, 'method' | 'target' | 'headers' | 'body'>

export interface LiveReader {
  read(x: Classified, target: string, purpose?: OwnPurpose): Promise<CollectedAnswer>
  /** What would come of the request; nothing is changed. */
  dryRun(x: Classified, trial: Trial, purpose?: OwnPurpose): Promise<CollectedAnswer>
  /** The request once more, for real. */
  again(x: Classified, call: AgainCall): Promise<CollectedAnswer>
}
