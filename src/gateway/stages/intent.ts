import type { Committed, Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { intentOf } from '../record.ts'

/** Hands the intent to the log. Whether to wait for it is the pipeline's decision, by side effect. */
export function commitIntent(gateway: Gateway, x: Decided): Committed {
  const intent = gateway.log.append(intentOf(x, x.progress))
  // Awaited later in every case; until then a failure must not count as unhandled.
  intent.catch(() => {})
  x.progress.intent = intent
  return Object.assign(x, { intent })
}
