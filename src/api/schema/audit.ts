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

const maskRule = z.string().regex(/^[a-z0-9-]{1,24}$/, 'must be the name of a masking rule')

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
  maskedBy: maskRule.optional(),
  fingerprint: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/)
    .optional(),
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
      /** What was masked in it, in order; at most 1,000. */
      masked: z
        .array(
          z.object({
            pointer: z.string(),
            rule: z.string(),
            keep: z.enum(['raw', 'fingerprint', 'none']),
            fingerprint: z.string().optional(),
          }),
        )
        .optional(),
      maskedValues: z.number().int().optional(),
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

export const maskReportQuery = z.strictObject({
  rule: maskRule.optional(),
  connection: nameSchema.optional(),
  namespace: word.optional(),
  since: timeSchema.optional(),
  until: timeSchema.optional(),
})

const maskCountSchema = z.object({
  rule: z.string(),
  connection: z.string().nullable(),
  namespace: z.string().nullable(),
  resource: z.string().nullable(),
  values: z.number().int(),
  calls: z.number().int(),
})
export type MaskCountItem = z.infer<typeof maskCountSchema>

export const maskReportSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('MaskReport'),
  items: z.array(maskCountSchema),
})
export type MaskReport = z.infer<typeof maskReportSchema>

export const exportQuery = z.strictObject({ records: z.enum(['true', 'false']).optional() })

/** One line of the tail: an entry, or a heartbeat every 15 s so that both ends notice a dead link. */
export type TailLine = { kind: 'AuditEntry'; entry: AuditItem } | { kind: 'Heartbeat'; time: string }
