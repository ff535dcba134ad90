import { checkAnswer } from '../../kubernetes/negotiation/answer.ts'
import { answerHeadersToForward } from '../../kubernetes/negotiation/headers.ts'
import { warningHeader } from '../../kubernetes/negotiation/warnings.ts'
import { cutBy } from '../answer.ts'
import type { Answered } from '../exchange.ts'
import { finish } from '../finish.ts'
import type { Gateway } from '../gateway.ts'
import { frameOf, outcomeOf } from '../record.ts'
import { warningsOf } from '../warnings.ts'

/**
 * Releases the answer. The order is the product: what a caller reads is in the log, durably, before it leaves. A
 * short answer waits for intent and outcome and leaves whole. A long or open-ended one leaves frame by frame, each
 * after its commit, and its end waits for the outcome: a crash leaves a truncated answer, never a complete
 * unrecorded one.
 */
export async function deliver(gateway: Gateway, x: Answered): Promise<void> {
  const { answer, caller } = x
  checkAnswer(x.parsed, answer.status, answer.headers)
  const headers = answerHeadersToForward(answer.headers, x.callId)
  for (const text of warningsOf(gateway, x)) headers.push('warning', warningHeader(text))
  const limit = x.action.longRunning ? 0 : gateway.limits.wholeAnswer

  while (!answer.ended && answer.waiting <= limit && limit > 0) await answer.progress(limit + 1)

  if (answer.ended && limit > 0) {
    const body = answer.take()
    answer.check()
    await x.intent
    const bytes = total(body)
    await gateway.log.append(outcomeOf(gateway, x, x.progress, { ended: 'complete', bytesOut: bytes, body }))
    x.progress.outcomeWritten = true
    caller.answer(answer.status, withLength(headers, x.parsed.method, answer.status, bytes), body)
    finish(gateway, x, answer.status)
    return
  }

  const stopWatching = watchOver(gateway, x)
  try {
    await x.intent
    await gateway.log.append(frameOf(x, 0, []))
    caller.begin(answer.status, headers)
    let frame = 1
    let bytesOut = 0
    let betweenEvents = true
    for (;;) {
      // Each frame costs an entry: those of an answer with an end are not smaller than one that would leave whole.
      while (!answer.ended && answer.waiting < limit) await answer.progress(limit)
      const chunks = answer.take()
      if (chunks.length > 0) {
        if (x.connection.capture === 'full') await gateway.log.append(frameOf(x, frame++, chunks))
        bytesOut += total(chunks)
        x.progress.bytesOut = bytesOut
        await caller.write(chunks, x.action.longRunning ? 0 : gateway.limits.readerTime)
        betweenEvents = chunks.at(-1)!.at(-1) === NEWLINE
      } else if (answer.ended || (answer.stopping && betweenEvents)) break
      else await answer.progress()
      answer.check()
    }
    const ended = answer.ended ? 'complete' : 'cut'
    if (!answer.ended) answer.cancel(cutBy('the gateway is shutting down'))
    await gateway.log.append(outcomeOf(gateway, x, x.progress, { ended, bytesOut }))
    x.progress.outcomeWritten = true
    caller.end()
    finish(gateway, x, answer.status)
  } finally {
    stopWatching()
  }
}

/** Events of a watch in JSON are lines. */
const NEWLINE = 10

/** Ends an open-ended answer with its session, or when its credential stops being valid. */
function watchOver(gateway: Gateway, x: Answered): () => void {
  if (!x.action.longRunning) return () => {}
  const forget = gateway.onSessionEnd(x.session.id, () => x.answer.cancel(cutBy('the session was ended')))
  const timer = setInterval(() => {
    if (gateway.now() < x.principal.authentication.validUntil && x.principal.kind === 'person') return
    x.recheck().catch(error => x.answer.cancel(error instanceof Error ? error : cutBy('credential')))
  }, gateway.limits.recheck)
  timer.unref()
  // A watch may end at any time, and its client takes it up again, here or at another replica. The end of a log
  // means something: that one is left to the grace period.
  const undrain = x.action.verb === 'watch' ? gateway.onDrain(() => x.answer.stop()) : () => {}
  return () => {
    forget()
    undrain()
    clearInterval(timer)
  }
}

function total(chunks: readonly Uint8Array[]): number {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  return bytes
}

function withLength(headers: string[], method: string, status: number, bytes: number): string[] {
  // Their length would speak of a body that is not there (RFC 9110 section 8.6).
  if (method === 'HEAD' || status === 304 || status === 204) return headers
  headers.push('content-length', String(bytes))
  return headers
}
