import { z } from 'zod'
import { apiVersionSchema, listSchema, nameSchema, timeSchema } from './common.ts'

export const agentSchema = z.object({
  name: z.string(),
  embedded: z.boolean(),
  connected: z.boolean(),
  version: z.string().optional(),
  address: z.string().optional(),
  connections: z.array(z.string()),
  enrolledAt: timeSchema.optional(),
  certificateExpiresAt: timeSchema.optional(),
  lastSeenAt: timeSchema.optional(),
})
export const agentsSchema = listSchema('AgentList', agentSchema)
export type AgentList = z.infer<typeof agentsSchema>

export const agentParams = z.strictObject({ name: nameSchema })

export const tokenBody = z.strictObject({
  agent: nameSchema,
  /** Seconds that the one-time token may be used; at most a day. */
  lifetimeSeconds: z.number().int().min(60).max(86_400).default(900),
})
export const tokenSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('EnrolmentToken'),
  agent: z.string(),
  token: z.string(),
  expiresAt: timeSchema,
})
export type EnrolmentToken = z.infer<typeof tokenSchema>

/** PEM (PKCS#10). */
export const certificateRequestBody = z.strictObject({ certificateRequest: z.string().min(1).max(16_384) })
export const certificateSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('AgentCertificate'),
  agent: z.string(),
  certificate: z.string(),
  certificateAuthority: z.string(),
  expiresAt: timeSchema,
  tunnel: z.string(),
})

export const removedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('AgentRemoval'),
  name: z.string(),
  removed: z.boolean(),
})
export type AgentRemoval = z.infer<typeof removedSchema>
