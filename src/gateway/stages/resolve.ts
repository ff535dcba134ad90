import { Refusal } from '../../errors/refusal.ts'
import type { Authenticated, Routed } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'

/** Name to connection. It comes after authentication: a stranger learns nothing about which connections exist. */
export function resolveConnection(gateway: Gateway, x: Authenticated): Routed {
  if (gateway.draining()) throw new Refusal('draining', { retryAfter: 1 })
  const connection = gateway.connection(x.connectionName)
  if (connection === undefined) throw new Refusal('connection-unknown', { check: 'connection-name' })
  x.progress.connection = connection
  return Object.assign(x, { connection })
}
