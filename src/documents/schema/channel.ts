import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'
import { caSchema, lineSchema, metadataSchema, secretReferenceSchema, someOf } from './scalars.ts'

/** https, or http on loopback for tests and for what runs beside the gateway. */
const urlSchema = z
  .string()
  .max(1024)
  .regex(
    /^(?:https:\/\/[A-Za-z0-9.\-[\]:]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?)(?:\/[^\s#\\]*)?$/,
    'must be an https URL without user and fragment (http only on loopback)',
  )

const glob = lineSchema.min(1).max(253)

/** Where people are told of approvals. */
export const channelDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Channel'),
  metadata: metadataSchema,
  spec: z.strictObject({
    /** Only what these rules hold, as `policy/rule`; left out: all. */
    rules: someOf(glob, 100).optional(),
    /** Only of these connections; left out: all. */
    connections: someOf(glob, 100).optional(),
    webhook: z.strictObject({
      url: urlSchema,
      secret: secretReferenceSchema,
      /** What was the secret before, and is still taken from others. */
      formerSecret: secretReferenceSchema.optional(),
      ca: caSchema.optional(),
    }),
  }),
})

export type ChannelDocument = z.infer<typeof channelDocumentSchema>
