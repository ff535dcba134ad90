import { Refusal } from '../../errors/refusal.ts'
import { statusOf } from '../../kubernetes/status.ts'
import { CallerLeft } from '../caller.ts'
import type { Answered, Received } from '../exchange.ts'
import { finish } from '../finish.ts'
import type { Gateway } from '../gateway.ts'
import { keepUnreadable } from '../keep-unreadable.ts'
import { authenticationFailureOf, endingOf, errorFacts, intentOf, outcomeOf } from '../record.ts'

/**
 * The one place where an exchange ends other than by `deliver`: records how far it came and how it ended, then
 * tells the caller in its own language. A refusal is recorded before it is answered, like everything else.
 */
export async function refuse(gateway: Gateway, x: Received, cause: unknown): Promise<void> {
  const { answer } = x as Partial<Answered>
  if (x.progress.unreadable === undefined) answer?.cancel(asError(cause))
  if (!(cause instanceof Refusal) && !(cause instanceof CallerLeft)) gateway.observe.broke(cause, x.callId)
  let refusal = cause instanceof Refusal ? cause : new Refusal('internal', { cause })
  const headSent = x.caller.headSent
  const ended = endingOf(cause, headSent)
  try {
    if (x.progress.unreadable !== undefined) await keepUnreadable(gateway, x)
    if (!x.progress.outcomeWritten) await record(gateway, x, refusal, ended)
  } catch (error) {
    // What cannot be recorded is not answered in detail: the caller learns that the log is the problem.
    refusal = error instanceof Refusal ? error : new Refusal('audit-unavailable', { cause: error })
  }
  answer?.cancel(asError(cause))
  if (headSent) x.caller.cut()
  else if (!x.caller.gone) answerWith(x, refusal)
  finish(gateway, x, headSent || x.caller.gone ? 0 : refusal.status, refusal.code)
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error('refused')
}

async function record(
  gateway: Gateway,
  x: Received,
  refusal: Refusal,
  ended: ReturnType<typeof endingOf>,
): Promise<void> {
  const { progress } = x
  if (progress.principal === undefined) {
    await gateway.recordFailure(authenticationFailureOf(gateway, x, refusal))
    return
  }
  const intent = progress.intent ?? gateway.log.append(intentOf(gateway, x, progress))
  progress.intent = intent
  const outcome = gateway.log.append(
    outcomeOf(gateway, x, progress, {
      ended,
      bytesOut: progress.bytesOut ?? 0,
      // Who left, or has seen the head of the answer already, was not told of the refusal.
      ...(ended === 'aborted-by-caller' || x.caller.headSent ? {} : { code: refusal.status }),
      ...(ended === 'aborted-by-caller' ? {} : { error: errorFacts(refusal) }),
    }),
  )
  await Promise.all([intent, outcome])
  progress.outcomeWritten = true
}

function answerWith(x: Received, refusal: Refusal): void {
  const body = statusOf(refusal, x.callId)
  const headers = [
    'content-type',
    'application/json',
    'content-length',
    String(body.length),
    'audit-id',
    x.callId,
    'cache-control',
    'no-store',
  ]
  if (refusal.retryAfter !== undefined) headers.push('retry-after', String(refusal.retryAfter))
  if (refusal.status === 401) headers.push('www-authenticate', 'Bearer realm="sallyport"')
  x.caller.answer(refusal.status, headers, x.caller.method === 'HEAD' ? [] : [body])
}
