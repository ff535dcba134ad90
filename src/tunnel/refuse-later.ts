import type { Refusal } from '../errors/refusal.ts'
import type { AnswerHandler } from './contract.ts'

/** Tells the handler a moment later: its caller must first get the function that aborts. */
export function refuseLater(handler: AnswerHandler, refusal: Refusal): () => void {
  let aborted = false
  queueMicrotask(() => {
    if (!aborted) handler.onError(refusal)
  })
  return () => {
    aborted = true
  }
}
