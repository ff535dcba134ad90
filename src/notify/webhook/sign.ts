import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { invalidCredential } from '../../identity/refuse.ts'

/** Seconds since the epoch, decimal. */
export const TIMESTAMP_HEADER = 'sallyport-timestamp'
/** `v1=` and the HMAC-SHA256 of `timestamp.body` in hexadecimal; several with commas between, while a secret is changed. */
export const SIGNATURE_HEADER = 'sallyport-signature'

/** Seconds by which clocks may differ, and after which a request is too old. */
const WINDOW = 300
const MOST_SIGNATURES = 4

export function signatureOf(secret: string, timestamp: number, body: Uint8Array): string {
  const digest = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex')
  return `v1=${digest}`
}

/**
 * The signature that fits one of the secrets. Throws `credential-invalid`.
 * @param now Milliseconds since the epoch.
 */
export function judgeSignature(
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  secrets: readonly string[],
  now: number,
): string {
  const stamp = headers[TIMESTAMP_HEADER]
  const given = headers[SIGNATURE_HEADER]
  if (typeof stamp !== 'string' || !/^\d{1,12}$/.test(stamp) || typeof given !== 'string') {
    throw invalidCredential('webhook-signature', 'it is not signed')
  }
  if (Math.abs(now / 1000 - Number(stamp)) > WINDOW) {
    throw invalidCredential('webhook-time', 'it was signed more than five minutes ago, or in the future')
  }
  const signatures = given.split(',').map(one => one.trim())
  if (signatures.length <= MOST_SIGNATURES) {
    for (const secret of secrets) {
      const wanted = Buffer.from(signatureOf(secret, Number(stamp), body))
      for (const one of signatures) {
        const bytes = Buffer.from(one)
        if (bytes.length === wanted.length && timingSafeEqual(bytes, wanted)) return one
      }
    }
  }
  throw invalidCredential('webhook-signature', 'the signature does not fit')
}
