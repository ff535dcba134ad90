import { z } from 'zod'
import { parseDuration } from '../duration.ts'

/** Names of documents, rules, connections and agents: safe in a path, a host name label and a file name. */
export const nameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower-case letters, digits and dashes')

export const durationSchema = z
  .string()
  .max(32)
  .refine(text => parseDuration(text) !== undefined, 'must be a duration such as 30s, 15m or 1h30m')

/** RFC 1123 subdomain, lower case; no address, no port, no wildcard. */
export const dnsNameSchema = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/,
    'must be a DNS name in lower case',
  )
  .refine(name => !/^[\d.]+$/.test(name), 'must be a DNS name, not an address')

/** Printable text on one line. Control characters would reach terminals and logs. */
export const lineSchema = z
  .string()
  .max(500)
  .regex(/^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$/, 'must not hold control characters')

/** Where a secret is kept: a file or a variable of the gateway's environment. The secret itself never stands in a document. */
export const secretReferenceSchema = z
  .string()
  .max(1024)
  .regex(
    /^(?:file:[^\u0000-\u001f]+|\$\{[A-Za-z_][A-Za-z0-9_]*\})$/,
    'must be a reference: file:/path or $' + '{VARIABLE}, never the secret itself',
  )

/** Certificates of authorities: the text itself, or where it is. */
export const caSchema = z
  .string()
  .max(256 * 1024)
  .regex(
    /^(?:file:[^\u0000-\u001f]+|\s*-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----\s*)$/,
    'must be PEM certificates or file:/path',
  )

/** https, or http on loopback for tests and for what runs beside the gateway. */
export const urlSchema = z
  .string()
  .max(1024)
  .regex(
    /^(?:https:\/\/[A-Za-z0-9.\-[\]:]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?)(?:\/[^\s#\\]*)?$/,
    'must be an https URL without user and fragment (http only on loopback)',
  )

/** A list that says something: an empty one would match nothing, or, to some readers, everything. */
export function someOf<T extends z.ZodType>(item: T, max = 500) {
  return z.array(item).min(1, 'must not be empty: leave it out, or name something').max(max)
}

export const metadataSchema = z.strictObject({
  name: nameSchema,
  labels: z.record(z.string().max(317), z.string().max(253)).optional(),
  annotations: z.record(z.string().max(317), z.string().max(4096)).optional(),
})
