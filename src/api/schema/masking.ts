import { z } from 'zod'
import { apiVersionSchema } from './common.ts'

const texts = z.array(z.string())

export const maskingInForceSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('MaskingInForce'),
  /** Of all documents, the shipped one included. */
  digest: z.string(),
  rules: z.array(
    z.object({
      name: z.string(),
      /** Name of the document; `shipped` for what is built in. */
      source: z.string(),
      description: z.string(),
      places: texts,
      action: z.string(),
      keep: z.enum(['raw', 'fingerprint', 'none']),
      learn: z.boolean(),
      scope: texts,
    }),
  ),
  exemptions: z.array(
    z.object({
      name: z.string(),
      source: z.string(),
      rules: texts,
      scope: texts,
      reason: z.string(),
      expires: z.string().nullable(),
      ended: z.boolean(),
    }),
  ),
})
const shortText = z.string().max(253)

export const maskingTestBody = z.strictObject({
  text: z.string().max(512 * 1024),
  form: z.enum(['json', 'yaml', 'text']),
  group: shortText.default(''),
  kind: shortText.default(''),
  connection: shortText.default(''),
  namespace: shortText.default(''),
  direction: z.enum(['response', 'request', 'trail']).default('response'),
  user: shortText.default(''),
  groups: z.array(shortText).max(100).default([]),
})

export const maskingTestSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('MaskingTest'),
  /** Of all documents, the shipped one included. */
  digest: z.string(),
  /** Rules that an exemption switched off. */
  exempt: texts,
  places: z.array(
    z.object({
      /** JSON pointer, or the line of a text. */
      place: z.string(),
      rule: z.string(),
      action: z.string(),
      keep: z.enum(['raw', 'fingerprint', 'none']),
    }),
  ),
  masked: z.string(),
})
export type MaskingTest = z.infer<typeof maskingTestSchema>
export type MaskingInForce = z.infer<typeof maskingInForceSchema>
