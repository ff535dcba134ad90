import type { Classified, InSession } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { maskedRequest } from '../masked-request.ts'

/** Bytes to action. Which protocol's classifier does it is the connection's affair. */
export async function classify(gateway: Gateway, x: InSession): Promise<Classified> {
  const classified = await gateway.classify(x)
  x.progress.action = classified.action
  const masked = maskedRequest(gateway, classified)
  x.progress.requestBody = masked === undefined ? classified.body : { ...classified.body, masked }
  return classified
}
