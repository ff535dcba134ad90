import { isIP } from 'node:net'
import { z } from 'zod'
import { caSchema, dnsNameSchema, lineSchema, secretReferenceSchema, someOf } from './scalars.ts'

/** An address and nothing else: no name, no list, no comment. Letters of other alphabets would have to be sent in another way. */
const addressSchema = z
  .string()
  .max(254)
  .regex(
    /^[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*$/,
    'must be a mail address alone, such as on-call@corp.example',
  )

const hostSchema = z
  .string()
  .refine(
    host => isIP(host) !== 0 || dnsNameSchema.safeParse(host).success,
    'must be a DNS name or an address',
  )

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

export const mailKind = z
  .strictObject({
    /** Of the server that takes mails. */
    host: hostSchema,
    /** Left out: 587, with `tls` 465, with `none` 25. */
    port: z.int().min(1).max(65_535).optional(),
    /** Left out: `starttls`. */
    security: z.enum(['starttls', 'tls', 'none']).optional(),
    from: addressSchema,
    to: someOf(addressSchema, 50),
    user: lineSchema.min(1).max(200).optional(),
    password: secretReferenceSchema.optional(),
    ca: caSchema.optional(),
  })
  .refine(
    one => (one.user === undefined) === (one.password === undefined),
    'must have user and password, or neither',
  )
  .refine(
    one => one.security !== 'none' || one.password === undefined || isLoopback(one.host),
    'must not send a password without TLS (on loopback only)',
  )
