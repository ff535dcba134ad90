import { Refusal } from '../../errors/refusal.ts'
import { principalKey } from '../../identity/principal.ts'
import type { InSession, Routed } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'

/** Requests in flight by principal; one gateway process has one such count. */
const inFlight = new Map<string, number>()

/** Puts the exchange into its session, and bounds how much of the gateway one principal can hold. */
export async function openSession(gateway: Gateway, x: Routed): Promise<InSession> {
  const key = principalKey(x.principal)
  const count = inFlight.get(key) ?? 0
  if (count >= gateway.limits.requestsPerPrincipal) {
    throw new Refusal('too-many-requests', { check: 'requests-per-principal', retryAfter: 1 })
  }
  inFlight.set(key, count + 1)
  x.progress.release = () => {
    const left = (inFlight.get(key) ?? 1) - 1
    if (left === 0) inFlight.delete(key)
    else inFlight.set(key, left)
  }
  const session = await gateway.openSession(x.principal, x.connection)
  x.progress.session = session
  return Object.assign(x, { session })
}
