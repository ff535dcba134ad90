import { z } from 'zod'
import { lineSchema } from '../../documents/schema/scalars.ts'
import {
  apiVersionSchema,
  idSchema,
  listSchema,
  nameSchema,
  pageQuery,
  principalSchema,
  timeSchema,
} from './common.ts'

export const sessionSchema = z.object({
  id: z.string(),
  principal: principalSchema,
  connection: z.string(),
  opened: z.string(),
  state: z.enum(['live', 'ended', 'expired']),
  openedAt: timeSchema,
  expiresAt: timeSchema,
  /** Why it is used, in the words of its principal. */
  reason: z.string().optional(),
  lastUsedAt: timeSchema.optional(),
  endedAt: timeSchema.optional(),
  endReason: z.string().optional(),
  /** Roles of its own, as the cluster has them now. Absent: its connection maps none, it is over, or nobody can say. */
  bindings: z
    .array(
      z.object({
        kind: z.enum(['ClusterRole', 'Role']),
        name: z.string(),
        /** Absent: in the whole cluster. */
        namespace: z.string().optional(),
        /** Name of the RoleBinding or ClusterRoleBinding. */
        binding: z.string(),
        expiresAt: timeSchema,
      }),
    )
    .optional(),
})
export type SessionItem = z.infer<typeof sessionSchema>
export const sessionsSchema = listSchema('SessionList', sessionSchema)
export type SessionList = z.infer<typeof sessionsSchema>

export const sessionsQuery = z.strictObject({
  ...pageQuery,
  mine: z.enum(['true', 'false']).default('false'),
  user: z.string().min(1).max(1024).optional(),
  connection: nameSchema.optional(),
  state: z.enum(['live', 'ended', 'expired']).optional(),
})

export const sessionParams = z.strictObject({ id: idSchema })

export const sessionEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Session'),
  session: sessionSchema,
})
export type SessionEnvelope = z.infer<typeof sessionEnvelope>

export const openBody = z.strictObject({ connection: nameSchema })

export const openedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('OpenedSession'),
  session: sessionSchema,
  /** Bearer credential of this connection only. */
  token: z.string(),
  /** Seconds without a request after which the session ends by itself. */
  idleSeconds: z.number(),
})
export type OpenedSession = z.infer<typeof openedSchema>

/** One line for people: it stands in the trail of every request of the session. */
export const reasonBody = z.strictObject({
  reason: lineSchema.refine(text => text.trim().length >= 3, 'must be at least 3 characters'),
})

export const endQuery = z.strictObject({ reason: z.string().max(500).default('') })
export const endedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('SessionEnd'),
  id: z.string(),
  ended: z.boolean(),
})
export type SessionEnd = z.infer<typeof endedSchema>
