import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { invalidCredential } from '../../identity/refuse.ts'

/** Seconds by which clocks may differ, and after which a request is too old (Slack: "Verifying requests from Slack"). */
const WINDOW = 300

/** `v0=` and the HMAC-SHA256 of `v0:timestamp:body`, in hexadecimal. */
export function slackSignatureOf(secret: string, timestamp: string, body: Uint8Array): string {
  return `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex')}`
}

/**
 * Throws `credential-invalid` unless Slack has signed these bytes within five minutes.
 * @param now Milliseconds since the epoch.
 */
export function judgeSlackSignature(
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  secrets: readonly string[],
  now: number,
): void {
  const stamp = headers['x-slack-request-timestamp']
  const given = headers['x-slack-signature']
  if (typeof stamp !== 'string' || !/^\d{1,12}$/.test(stamp) || typeof given !== 'string') {
    throw invalidCredential('slack-signature', 'it is not signed')
  }
  if (Math.abs(now / 1000 - Number(stamp)) > WINDOW) {
    throw invalidCredential('slack-time', 'it was signed more than five minutes ago, or in the future')
  }
  const bytes = Buffer.from(given)
  for (const secret of secrets) {
    const wanted = Buffer.from(slackSignatureOf(secret, stamp, body))
    if (bytes.length === wanted.length && timingSafeEqual(bytes, wanted)) return
  }
  throw invalidCredential('slack-signature', 'the signature does not fit')
}
