import { describeUpstreamIdentity } from '../../connections/upstream-identity.ts'
import { Refusal } from '../../errors/refusal.ts'
import { requestHeadersToForward } from '../../kubernetes/negotiation/headers.ts'
import { acceptFor } from '../accept-for.ts'
import type { Answer } from '../answer.ts'
import { CallerLeft } from '../caller.ts'
import type { Answered, Committed } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { targetOf } from '../part.ts'

/** Sends the rebuilt request through the agent and returns when the head of the answer is there. */
export async function forward(gateway: Gateway, x: Committed, answer: Answer): Promise<Answered> {
  // After every decision: a request that is refused gives nobody rights.
  const rights = gateway.haveRights(x.session, x.connection)
  if (rights !== undefined) {
    await rights
    // Who did not wait for them wants nothing done any more.
    if (x.caller.gone) throw new CallerLeft()
  }
  const link = gateway.agentFor(x.connection)
  if (link === undefined) throw new Refusal('agent-unavailable', { retryAfter: 2 })
  const accept = acceptFor(gateway, x)
  const identity = describeUpstreamIdentity(x.session, x.connection, x.action)
  x.progress.upstream = identity
  x.progress.agent = link.name
  const head = answer.head()
  x.caller.onGone(() => answer.cancel(new CallerLeft()))
  const { release } = x.progress
  const forget = gateway.onRecordingEnds(error => answer.cancel(error))
  // Before anything is sent: what changes from now on finds it.
  const live = x.action.longRunning ? gateway.live.add(x, why => answer.cancel(why)) : undefined
  x.progress.release = () => {
    forget()
    live?.forget()
    release?.()
  }
  if (live?.ended !== undefined) throw live.ended
  answer.abortWith(
    link.dispatch(
      {
        connection: x.connection.name,
        method: x.parsed.method,
        target: targetOf(x),
        headers: requestHeadersToForward(x.parsed, accept, x.body),
        body: x.body.bytes,
        identity,
        auditId: x.callId,
        headTimeout: x.action.longRunning ? 0 : gateway.limits.headTime,
      },
      answer,
    ),
  )
  await head
  return Object.assign(x, live === undefined ? { answer } : { answer, live })
}
