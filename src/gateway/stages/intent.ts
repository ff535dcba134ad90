import type { Committed, Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { intentOf } from '../record.ts'

/**
 * Hands the intent to the log. Whether to wait for it is the pipeline's decision, by side effect; but a log that does
 * not even take it ends the exchange here, before anything is sent.
 */
export async function commitIntent(gateway: Gateway, x: Decided): Promise<Committed> {
  // Nothing waits for the intent of a read but its answer, and that brings an outcome to be written with it.
  const intent = gateway.log.append(intentOf(gateway, x, x.progress), x.action.hasSideEffect ? 'now' : 'soon')
  x.progress.intent = intent
  let refused: unknown
  // Awaited later in every case; until then a failure must not count as unhandled.
  intent.catch(error => {
    refused = error
  })
  await Promise.resolve() // what is refused at once is known by now
  if (refused !== undefined) throw refused
  return Object.assign(x, { intent })
}
