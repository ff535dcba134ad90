import { hash, timingSafeEqual } from 'node:crypto'
import { Refusal } from '../../errors/refusal.ts'
import { invalidCredential } from '../../identity/refuse.ts'
import type { Incoming, Received } from '../contract.ts'
import { textAt } from '../outgoing/json.ts'
import { isSysId } from './tables.ts'

export const WAKE_HEADER = 'sallyport-wake-secret'

/**
 * What a business rule of the instance sends when a record changes: `{"record": "<sys_id>", "change": "<anything new>"}` with the
 * secret in a header, which a REST message can send without a script. All that it can do is that the record is read once more.
 * Throws `credential-invalid`, `input-invalid`.
 */
export function receivedWake({ headers, body }: Incoming, secret: string): Received {
  const given = hash('sha256', String(headers[WAKE_HEADER] ?? ''), 'buffer')
  if (!timingSafeEqual(given, hash('sha256', secret, 'buffer'))) {
    throw invalidCredential('webhook-secret', 'the secret does not fit')
  }
  const reference = textAt(parse(body), 'record')
  if (reference === undefined || !isSysId(reference)) {
    throw new Refusal('input-invalid', { check: 'record', detail: 'it names no record' })
  }
  return { kind: 'wake', reference, once: hash('sha256', body, 'hex') }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined
  }
}
