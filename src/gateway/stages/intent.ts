import type { Committed, Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { intentOf } from '../record.ts'

/** Hands the intent to the log. Whether to wait for it is the pipeline's decision, by side effect. */
export function commitIntent(gateway: Gateway, x: Decided): Committed {
  // Nothing waits for the intent of a read but its answer, and that brings an outcome to be written with it.
  const intent = gateway.log.append(intentOf(x, x.progress), x.action.hasSideEffect ? 'now' : 'soon')
  // Awaited later in every case; until then a failure must not count as unhandled.
  intent.catch(() => {})
  x.progress.intent = intent
  return Object.assign(x, { intent })
}
