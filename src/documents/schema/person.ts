import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'
import { lineSchema, metadataSchema, someOf } from './scalars.ts'

/** Accounts of one human: what one of them asks for, none of the others can decide. */
export const personDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Person'),
  metadata: metadataSchema,
  spec: z.strictObject({
    /** User names, prefix included, in any case; `*` stands for any characters. Accounts of machines that are his as well. */
    accounts: someOf(
      lineSchema
        .min(1)
        .max(253)
        .refine(name => /[^*:]/.test(name.slice(name.indexOf(':') + 1)), 'must name somebody, not everybody'),
      100,
    ),
  }),
})

export type PersonDocument = z.infer<typeof personDocumentSchema>
