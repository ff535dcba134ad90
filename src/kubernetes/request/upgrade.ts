import type { ParsedRequest, RefusedRequest } from './contract.ts'
import type { HeaderFacts } from './headers.ts'
import { refuse } from './refusals.ts'

/**
 * Which upgrade is asked for. kube-apiserver looks for the substring "upgrade" anywhere in Connection, so
 * `xupgradex` starts an exec there while a strict reader sees a plain request: only one spelling is let through.
 */
export function upgradeOf(
  method: ParsedRequest['method'],
  { connection, upgrade, headers }: HeaderFacts,
): ParsedRequest['upgrade'] | RefusedRequest {
  let asked = false
  for (const token of connection) {
    if (token === 'upgrade') asked = true
    else if (token !== 'keep-alive' && token !== 'close') return refuse('connection-token')
  }
  if (upgrade === undefined) {
    if (!asked && !headers.has('sec-websocket-key') && !headers.has('sec-websocket-protocol')) return null
    return refuse('upgrade-mismatch')
  }
  const protocol = upgrade.toLowerCase()
  if (protocol !== 'websocket' && protocol !== 'spdy/3.1') return refuse('upgrade-unknown')
  if (!asked) return refuse('upgrade-mismatch')
  if (method !== 'GET' && !(method === 'POST' && protocol === 'spdy/3.1')) return refuse('upgrade-method')
  return protocol === 'websocket' ? 'websocket' : 'SPDY/3.1'
}
