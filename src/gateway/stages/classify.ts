import type { Classified, InSession } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { maskedRequest } from '../masked-request.ts'

/** Bytes to action. Which protocol's classifier does it is the connection's affair. */
export async function classify(gateway: Gateway, x: InSession): Promise<Classified> {
  const classified = await gateway.classify(x)
  x.progress.action = classified.action
  // Only where bodies are recorded is there a trail that shows them.
  const masked = classified.connection.capture === 'full' ? maskedRequest(gateway, classified) : undefined
  x.progress.requestBody = masked === undefined ? classified.body : { ...classified.body, masked }
  return classified
}
