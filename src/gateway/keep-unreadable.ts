import type { Answered, Received } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { frameOf, sealedFrameOf } from './record.ts'

/**
 * Of an answer that nobody could read the caller gets nothing more, and the log all of it, sealed: what was held is
 * there already; here the rest is read, as far as size and time allow. What is longer than a frame goes into the log
 * as it comes, so that memory does not grow with the answer. Rejects when the log takes nothing.
 */
export async function keepUnreadable(gateway: Gateway, received: Received): Promise<void> {
  const { progress } = received
  const first = progress.unreadable
  if (first === undefined || progress.connection?.capture !== 'full') return
  const x = received as Answered
  const { answer } = x
  const { limits } = gateway
  // Events that a watch may bring some day are no part of the one that could not be read.
  const patience = x.action.longRunning && x.caller.headSent ? 0 : limits.unreadableTime
  const deadline = performance.now() + patience
  let chunks = [...first.chunks]
  let bytes = lengthOf(chunks)
  let total = bytes
  let isWhole = false
  for (let goesOn = true; goesOn; ) {
    for (const chunk of answer.take()) {
      chunks.push(chunk)
      bytes += chunk.length
      total += chunk.length
    }
    isWhole = answer.ended
    const left = deadline - performance.now()
    if (isWhole || total >= limits.unreadable || left <= 0) break
    if (bytes >= limits.frame) {
      await x.intent
      if (progress.frames === undefined) await appendFrame(frameOf(gateway, x, 0))
      await appendFrame(sealedFrameOf(gateway, x, progress.frames ?? 0, chunks, first.mediaType))
      chunks = []
      bytes = 0
      continue // meanwhile more may have come, and the end
    }
    // Who left, an upstream that broke off: what came until then is kept.
    goesOn = await answer.progressWithin(limits.frame, left).catch(() => false)
    if (!goesOn) for (const chunk of answer.take()) chunks.push(chunk)
  }
  progress.unreadable = { ...first, chunks, kept: isWhole ? 'whole' : 'beginning' }

  async function appendFrame(entry: Parameters<Gateway['log']['append']>[0]): Promise<void> {
    await gateway.log.append(entry)
    progress.frames = (progress.frames ?? 0) + 1
  }
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  let length = 0
  for (const chunk of chunks) length += chunk.length
  return length
}
