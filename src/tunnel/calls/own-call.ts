import type { SessionDescriptor, UpstreamCall } from '../contract.ts'

const TIME = 10_000

/** A call of the gateway itself (mode `agent`): no session, no identity, one of the agent's fixed list. */
export function ownCall(
  connection: string,
  purpose: NonNullable<SessionDescriptor['purpose']>,
  request: Pick<UpstreamCall, 'method' | 'target'> &
    Partial<Pick<UpstreamCall, 'headers' | 'body' | 'headTimeout'>>,
): UpstreamCall {
  return {
    connection,
    method: request.method,
    target: request.target,
    headers: request.headers ?? ['accept', 'application/json'],
    body: request.body ?? null,
    identity: { sessionId: '', mode: 'agent', user: '', groups: [], extra: [], purpose },
    // The recorded link gives it the id under which it is recorded.
    auditId: '',
    headTimeout: request.headTimeout ?? TIME,
  }
}
