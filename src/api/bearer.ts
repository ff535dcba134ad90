import { Refusal } from '../errors/refusal.ts'

/**
 * The bearer token of the only Authorization header (RFC 6750 section 2.1), or undefined when there is none.
 * Refuses a second header: what two readers may read differently is no credential.
 */
export function bearerOf(rawHeaders: readonly string[]): string | undefined {
  let value: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== 'authorization') continue
    if (value !== undefined) throw new Refusal('credential-ambiguous', { check: 'authorization-header' })
    value = rawHeaders[i + 1]!
  }
  if (value === undefined) return undefined
  const match = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(value)
  if (match === null)
    throw new Refusal('credential-invalid', { check: 'authorization-header', detail: 'not a bearer token' })
  return match[1]
}
