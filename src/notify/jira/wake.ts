import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { Refusal } from '../../errors/refusal.ts'
import { invalidCredential } from '../../identity/refuse.ts'
import type { Incoming, Received } from '../contract.ts'
import { textAt } from '../outgoing/json.ts'

/**
 * What Jira sends when an issue changes, signed by HMAC-SHA256 over the body. It holds no time, so that it could be sent again by
 * whoever has seen it: all that it can do is that the issue is read once more. Throws `credential-invalid`, `input-invalid`.
 */
export function receivedWake({ headers, body }: Incoming, secret: string): Received {
  const given = Buffer.from(String(headers['x-hub-signature'] ?? ''))
  const wanted = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw invalidCredential('webhook-signature', 'the signature does not fit')
  }
  const reference = textAt(parse(body), 'issue', 'id')
  if (reference === undefined || !/^\d{1,20}$/.test(reference)) {
    throw new Refusal('input-invalid', { check: 'issue', detail: 'it names no issue' })
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
