import { z } from 'zod'
import { apiVersionSchema } from './common.ts'

const texts = z.array(z.string())

export const maskingListSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('MaskingList'),
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
export type MaskingList = z.infer<typeof maskingListSchema>
