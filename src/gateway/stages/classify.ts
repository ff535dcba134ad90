import type { Classified, InSession } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'

/** Bytes to action. Which protocol's classifier does it is the connection's affair. */
export async function classify(gateway: Gateway, x: InSession): Promise<Classified> {
  const classified = await gateway.classify(x)
  x.progress.action = classified.action
  x.progress.requestBody = classified.body
  return classified
}
