import { Refusal } from '../../errors/refusal.ts'
import { answerHeadersToForward } from '../../kubernetes/negotiation/headers.ts'
import { warningHeader } from '../../kubernetes/negotiation/warnings.ts'
import { statusOf } from '../../kubernetes/status.ts'
import type { Masked, MaskedField } from '../../masking/json/json-masker.ts'
import { cutBy } from '../answer.ts'
import type { Answered, Masking } from '../exchange.ts'
import { finish } from '../finish.ts'
import type { Gateway } from '../gateway.ts'
import { maskedPlaces } from '../masked-request.ts'
import { errorFacts, type Frame, frameOf, mediaTypeOf, outcomeOf, withOriginals } from '../record.ts'
import { warningsOf } from '../warnings.ts'

/**
 * Releases the answer. The order is the product: what a caller reads is in the log, durably, before it leaves. A
 * short answer waits for intent and outcome and leaves whole. A long or open-ended one leaves frame by frame, each
 * after its commit, and its end waits for the outcome: a crash leaves a truncated answer, never a complete
 * unrecorded one.
 */
export async function deliver(gateway: Gateway, x: Masking): Promise<void> {
  const { answer, caller } = x
  gateway.guesses.ended(x, answer.status, () => maskedPlaces(gateway, x))
  const limit = x.action.longRunning ? 0 : gateway.limits.wholeAnswer

  while (!answer.ended && answer.waiting <= limit && limit > 0) await answer.progress(limit + 1)
  const out = outlet(x)

  if (answer.ended && limit > 0) {
    answer.check()
    out.take()
    out.end()
    await x.intent
    const { chunks, bytes } = out
    await gateway.log.append(
      outcomeOf(gateway, x, x.progress, { ended: 'complete', bytesOut: bytes, body: out.frame() }),
    )
    x.progress.outcomeWritten = true
    const headers = headersOf(gateway, x, out.fields > 0)
    caller.answer(answer.status, withLength(headers, x.parsed.method, answer.status, bytes), chunks)
    finish(gateway, x, answer.status)
    return
  }

  const stopWatching = watchOver(gateway, x)
  let betweenEvents = true
  try {
    await x.intent
    out.take()
    await gateway.log.append(frameOf(gateway, x, 0))
    x.progress.frames = 1
    caller.begin(answer.status, headersOf(gateway, x, out.fields > 0))
    for (;;) {
      // Each frame costs an entry: those of an answer with an end are not smaller than one that would leave whole.
      while (!answer.ended && answer.waiting + out.bytes < limit) await answer.progress(limit)
      out.take()
      if (answer.ended) out.end()
      if (out.chunks.length > 0) {
        const leaving = out.frame()
        out.released()
        if (x.connection.capture === 'full') {
          await gateway.log.append(frameOf(gateway, x, x.progress.frames++, leaving))
        }
        // Ended while that was written down: then it does not leave any more.
        answer.check()
        x.progress.bytesOut = out.total
        await caller.write(leaving.chunks, x.action.longRunning ? 0 : gateway.limits.readerTime)
        betweenEvents = leaving.chunks.at(-1)!.at(-1) === NEWLINE
      } else if (answer.ended || (answer.stopping && betweenEvents)) break
      else if (!out.waits) await answer.progress()
      else if (!(await answer.progressWithin(1, PAUSE))) {
        out.idle()
        if (out.chunks.length === 0) await answer.progress()
      }
      answer.check()
    }
    const ended = answer.ended ? 'complete' : 'cut'
    if (!answer.ended) answer.cancel(cutBy('the gateway is shutting down'))
    await gateway.log.append(outcomeOf(gateway, x, x.progress, { ended, bytesOut: out.total }))
    x.progress.outcomeWritten = true
    caller.end()
    finish(gateway, x, answer.status)
  } catch (error) {
    const why = x.live?.ended
    if (why === undefined) throw error
    if (!betweenEvents || caller.gone || !caller.headSent || !isEventStream(x)) throw why
    await endWithEvent(gateway, x, out.total, why)
  } finally {
    stopWatching()
  }
}

/** A watch in JSON, whatever form its objects have. */
function isEventStream({ action, answer }: Masking): boolean {
  return (
    action.verb === 'watch' &&
    answer.status === 200 &&
    mediaTypeOf(answer.headers).startsWith('application/json')
  )
}

/** The last event of a watch that is allowed no more says why; a Status stays one also where objects are shown as tables. */
async function endWithEvent(gateway: Gateway, x: Masking, start: number, why: Refusal): Promise<void> {
  const { progress, caller } = x
  const event = Buffer.from(`{"type":"ERROR","object":${statusOf(why, x.callId)}}\n`)
  const frame = { chunks: [event], fields: [], start }
  const bytesOut = start + event.length
  if (x.connection.capture === 'full') {
    gateway.log.append(frameOf(gateway, x, progress.frames!++, frame)).catch(() => {})
  }
  await gateway.log.append(
    outcomeOf(gateway, x, progress, { ended: 'cut', bytesOut, error: errorFacts(why) }),
  )
  progress.outcomeWritten = true
  progress.bytesOut = bytesOut
  caller.write([event]).catch(() => {})
  caller.end()
  finish(gateway, x, x.answer.status, why.code)
}

function headersOf(gateway: Gateway, x: Masking, isMasked: boolean): string[] {
  const headers = answerHeadersToForward(x.answer.headers, x.callId)
  for (const text of warningsOf(gateway, x, isMasked)) headers.push('warning', warningHeader(text))
  return headers
}

/** Between the answer and the caller: what came is masked, and waits until its frame is durable. */
function outlet(x: Masking) {
  const { answer, mask } = x
  const state = {
    chunks: [] as Uint8Array[],
    /** Bytes in `chunks`. */
    bytes: 0,
    /** Values masked in them. */
    fields: 0,
    /** Bytes that left before. */
    total: 0,
    take(): void {
      for (const chunk of answer.take()) add(mask.push(chunk))
      check()
    },
    /** Whether the mask holds something back that may leave after a pause. */
    get waits(): boolean {
      return mask.waits === true
    },
    idle(): void {
      if (mask.idle !== undefined) add(mask.idle())
    },
    /** What the mask held back until the end; once. */
    end(): void {
      if (hasEnded) return
      hasEnded = true
      add(mask.end())
      check()
    },
    frame: (): Frame => ({ chunks: state.chunks, fields: found, start: state.total }),
    released(): void {
      state.total += state.bytes
      state.chunks = []
      state.bytes = 0
      state.fields = 0
      found = []
    },
  }
  let hasEnded = false
  let found: MaskedField[] = []
  function add({ bytes, fields }: Masked): void {
    for (const one of bytes) {
      state.chunks.push(one)
      state.bytes += one.length
    }
    if (fields.length === 0) return
    found = found.length === 0 ? [...fields] : found.concat(fields)
    state.fields += fields.length
  }
  /** What cannot be read does not pass, and is not lost. */
  function check(): void {
    if (mask.fault === null) return
    x.progress.unreadable = {
      chunks: [...withOriginals(state.chunks, found, state.total), ...mask.held()],
      mediaType: mediaTypeOf(answer.headers),
      byHead: false,
    }
    throw new Refusal('upstream-answer-refused', { check: 'answer-unreadable', detail: mask.fault })
  }
  return state
}

/** Milliseconds without more, after which a person waits for what is there, such as a prompt without a line feed. */
const PAUSE = 50

/** Events of a watch in JSON are lines. */
const NEWLINE = 10

/** Ends an open-ended answer when its credential stops being valid, and any answer when it is allowed no more. */
function watchOver(gateway: Gateway, x: Answered): () => void {
  if (!x.action.longRunning) {
    x.live = gateway.live.add(x, why => x.answer.cancel(why))
    return x.live.forget
  }
  const timer = setInterval(() => {
    if (gateway.now() < x.principal.authentication.validUntil && x.principal.kind === 'person') return
    x.recheck().catch(error => x.live?.end(error instanceof Refusal ? error : cutBy('credential')))
  }, gateway.limits.recheck)
  timer.unref()
  // A watch may end at any time, and its client takes it up again, here or at another replica. The end of a log
  // means something: that one is left to the grace period.
  const undrain = x.action.verb === 'watch' ? gateway.onDrain(() => x.answer.stop()) : () => {}
  return () => {
    undrain()
    clearInterval(timer)
  }
}

function withLength(headers: string[], method: string, status: number, bytes: number): string[] {
  // Their length would speak of a body that is not there (RFC 9110 section 8.6).
  if (method === 'HEAD' || status === 304 || status === 204) return headers
  headers.push('content-length', String(bytes))
  return headers
}
