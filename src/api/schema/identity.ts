import { z } from 'zod'
import { apiVersionSchema, listSchema, nameSchema, pageQuery, principalSchema, timeSchema } from './common.ts'

export const providersSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('LoginProviderList'),
  codes: z.boolean(),
  items: z.array(
    z.object({
      name: z.string(),
      displayName: z.string().optional(),
      issuer: z.string(),
      clientId: z.string(),
      scopes: z.array(z.string()),
      certificateAuthority: z.string().optional(),
    }),
  ),
})
export type LoginProviders = z.infer<typeof providersSchema>

export const codeBody = z.strictObject({ code: z.string().min(1).max(200) })
export const idTokenBody = z.strictObject({ provider: nameSchema.optional() })

export const signedInSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('SignIn'),
  token: z.string(),
  expiresAt: timeSchema,
  principal: principalSchema,
})
export type SignIn = z.infer<typeof signedInSchema>

export const signedOutSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('SignOut'),
  sessionsEnded: z.number().int(),
})
export type SignOut = z.infer<typeof signedOutSchema>

export const whoamiSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('WhoAmI'),
  principal: principalSchema,
  roles: z.array(z.string()),
  authentication: z.object({
    method: z.string(),
    provider: z.string(),
    validUntil: timeSchema,
  }),
})
export type WhoAmI = z.infer<typeof whoamiSchema>

export const connectionSchema = z.object({
  name: z.string(),
  kind: z.string(),
  description: z.string().optional(),
  server: z.string(),
  certificateAuthority: z.string(),
  agents: z.array(z.object({ name: z.string(), connected: z.boolean() })),
  upstreamIdentity: z.string(),
  capture: z.string(),
})
export const connectionsSchema = listSchema('ConnectionList', connectionSchema)
export type ConnectionItem = z.infer<typeof connectionSchema>
export type ConnectionList = z.infer<typeof connectionsSchema>

export const connectionParams = z.strictObject({ name: nameSchema })
export const connectionReportSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('ConnectionReport'),
  connection: z.string(),
  ok: z.boolean(),
  checks: z.array(
    z.object({
      check: z.string(),
      level: z.enum(['ok', 'note', 'warning', 'failed']),
      text: z.string(),
      cure: z.string().optional(),
    }),
  ),
})
export type ConnectionReport = z.infer<typeof connectionReportSchema>

const revocationTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('session'), id: z.string().min(1).max(64) }),
  z.strictObject({
    kind: z.literal('principal'),
    issuer: z.string().min(1).max(1024),
    subject: z.string().min(1).max(1024),
  }),
  z.strictObject({ kind: z.literal('issuer'), issuer: z.string().min(1).max(1024) }),
])

export const revokeBody = z.strictObject({
  target: revocationTarget,
  reason: z.string().max(500).default(''),
  until: timeSchema.optional(),
})
export type RevokeBody = z.infer<typeof revokeBody>

export const revocationSchema = z.object({
  id: z.string(),
  target: revocationTarget,
  reason: z.string(),
  by: z.string(),
  at: timeSchema,
  until: timeSchema.optional(),
})
export const revokedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Revocation'),
  revocation: revocationSchema,
  sessionsEnded: z.number().int(),
})
export type Revoked = z.infer<typeof revokedSchema>
export const revocationsSchema = listSchema('RevocationList', revocationSchema)
export const revocationsQuery = z.strictObject(pageQuery)
