import { z } from 'zod'
import { apiVersionSchema, idSchema, listSchema, timeSchema } from './common.ts'

export const linksQuery = z.strictObject({ mine: z.enum(['true', 'false']).default('false') })
export const linkParams = z.strictObject({ id: idSchema })

const linkSchema = z.object({
  id: z.string(),
  channel: z.string(),
  /** As the channel names the person; `id` never changes. */
  account: z.object({ id: z.string(), name: z.string() }),
  principal: z.object({ issuer: z.string(), subject: z.string(), username: z.string() }),
  linkedAt: timeSchema,
  /** His last sign-in: groups are as of then. */
  signedInAt: timeSchema,
})

export const linksSchema = listSchema('ChannelLinkList', linkSchema)
export const unlinkedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('ChannelLink'),
  link: linkSchema,
})

export type ChannelLinkFacts = z.infer<typeof linkSchema>
export type ChannelLinkList = z.infer<typeof linksSchema>
export type ChannelLinkDocument = z.infer<typeof unlinkedSchema>
