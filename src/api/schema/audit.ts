import { z } from 'zod'
import {
  apiVersionSchema,
  effectSchema,
  idSchema,
  listSchema,
  nameSchema,
  pageQuery,
  timeSchema,
} from './common.ts'

const word = z.string().min(1).max(253)

const filters = {
  principal: z.string().min(1).max(1024).optional(),
  connection: nameSchema.optional(),
  session: idSchema.optional(),
  kind: word.optional(),
  verb: word.optional(),
  group: z.string().max(253).optional(),
  resource: word.optional(),
  namespace: word.optional(),
  name: word.optional(),
  effect: effectSchema.optional(),
  rule: word.optional(),
  code: z.coerce.number().int().min(100).max(599).optional(),
  text: z.string().min(1).max(500).optional(),
}

export const searchQuery = z.strictObject({
  ...pageQuery,
  ...filters,
  since: timeSchema.optional(),
  until: timeSchema.optional(),
})
export type SearchQuery = z.infer<typeof searchQuery>

export const tailQuery = z.strictObject(filters)
export type TailQuery = z.infer<typeof tailQuery>

/** The readable facts of an entry (audit/entry.ts `Head`); open, because each kind may add `facts`. */
const headSchema = z.record(z.string(), z.unknown())

export const auditRowSchema = z.object({
  call: z.string(),
  kind: z.string(),
  time: timeSchema,
  session: z.string().nullable(),
  effect: effectSchema.nullable(),
  complete: z.boolean(),
  /** The row as one sentence: who, what, where, what came of it. */
  sentence: z.string(),
  head: headSchema,
})
export type AuditItem = z.infer<typeof auditRowSchema>
export const auditListSchema = listSchema('AuditList', auditRowSchema)
export type AuditList = z.infer<typeof auditListSchema>

export const auditParams = z.strictObject({ call: idSchema })

export const auditDetailSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('AuditEntry'),
  entry: auditRowSchema,
  policyDigest: z.string().nullable(),
  leaves: z.array(
    z.object({ index: z.number().int(), phase: z.string(), time: timeSchema, leafHash: z.string() }),
  ),
  bodies: z.array(
    z.object({
      side: z.enum(['request', 'response']),
      mediaType: z.string(),
      bytes: z.number().int(),
      sealed: z.boolean(),
      text: z.string().optional(),
      truncated: z.boolean().optional(),
    }),
  ),
})
export type AuditDetailDocument = z.infer<typeof auditDetailSchema>

export const auditProofsSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('AuditProofs'),
  call: z.string(),
  proofs: z.array(
    z.object({
      index: z.number().int(),
      phase: z.string(),
      cosigned: z.boolean(),
      /** A c2sp.org/tlog-proof@v1 whose extra data is the entry. */
      proof: z.string(),
    }),
  ),
})
export type AuditProofsDocument = z.infer<typeof auditProofsSchema>

export const exportQuery = z.strictObject({ records: z.enum(['true', 'false']).optional() })

/** One line of the tail: an entry, or a heartbeat every 15 s so that both ends notice a dead link. */
export type TailLine = { kind: 'AuditEntry'; entry: AuditItem } | { kind: 'Heartbeat'; time: string }
