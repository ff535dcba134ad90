import { z } from 'zod'
import { apiVersionSchema, idSchema, listSchema, timeSchema } from './common.ts'

const personSchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  username: z.string(),
  email: z.string().optional(),
  /** Of a machine: who set it going. */
  startedBy: z.array(z.string()).optional(),
})

const quorumSchema = z.object({
  groups: z.array(z.string()).optional(),
  users: z.array(z.string()).optional(),
  count: z.number().int(),
})

export const approvalParams = z.strictObject({ id: idSchema })
export const approvalsQuery = z.strictObject({
  mine: z.enum(['true', 'false']).default('false'),
  state: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled']).optional(),
  /** Only broken glass that nobody has reviewed: all, or what is overdue. */
  review: z.enum(['open', 'overdue']).optional(),
})
export const approvalQuery = z.strictObject({
  /** Seconds to wait for a decision before the answer comes as it is. */
  wait: z.coerce.number().int().min(0).max(50).default(0),
})
const reasonSchema = z.string().trim().max(500).default('')
export const decideBody = z.strictObject({
  verdict: z.enum(['approve', 'deny']),
  reason: reasonSchema,
  via: z.enum(['api', 'cli']).default('api'),
})
export const glassBody = z.strictObject({
  reason: z.string().trim().min(10).max(500),
  ticket: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}]*$/u, 'must not hold control characters'),
})
export const reviewBody = z.strictObject({
  verdict: z.enum(['justified', 'unjustified']),
  note: z.string().trim().min(1).max(500),
})
export const statsQuery = z.strictObject({ days: z.coerce.number().int().min(1).max(365).default(30) })
export const reasonBody = z.strictObject({ reason: reasonSchema })

const names = z.array(z.string().trim().min(1).max(253)).max(50).default([])
const scopeSchema = z.object({
  verbs: z.array(z.string()),
  resources: z.array(z.string()),
  namespaces: z.array(z.string()),
  names: z.array(z.string()),
})
export const askBody = z.strictObject({
  connection: z.string().min(1).max(63),
  scope: z.strictObject({
    verbs: z
      .array(z.string().regex(/^[a-z]{1,63}$/, 'must be a verb in lower case'))
      .min(1)
      .max(20),
    resources: names,
    namespaces: names,
    names,
  }),
  seconds: z.number().int().min(60).max(86_400),
  reason: z.string().trim().min(1).max(500),
})

const approvalSchema = z.object({
  id: z.string(),
  state: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled']),
  /** Made by Sallyport from the parsed request. */
  sentence: z.string(),
  requester: personSchema,
  connection: z.string(),
  session: z.string().optional(),
  rules: z.array(z.string()),
  action: z.record(z.string(), z.unknown()),
  /** Asked for ahead. */
  scope: scopeSchema.optional(),
  reason: z.string().optional(),
  /** What would come of it, from a dry run, masked. */
  foresight: z
    .object({
      lines: z.array(z.string()),
      truncated: z.boolean(),
      count: z.number().int().optional(),
      note: z.string().optional(),
    })
    .optional(),
  /** Two digits that requester and approver both see. */
  check: z.string(),
  /** Requests that wait or waited for it. */
  calls: z.array(z.string()),
  callCount: z.number().int(),
  askedAt: timeSchema,
  deadline: timeSchema,
  quorums: z.array(quorumSchema),
  /** In words. */
  takes: z.string(),
  /** Seconds for which the same action may be repeated; absent: exactly this request, once. */
  grantSeconds: z.number().int().optional(),
  decisions: z.array(
    z.object({
      by: personSchema,
      verdict: z.enum(['approve', 'deny']),
      reason: z.string().optional(),
      at: timeSchema,
      via: z.string(),
      unread: z.boolean(),
      /** User name of who was away. */
      inPlaceOf: z.string().optional(),
    }),
  ),
  /** Told beside decisions: reminders, escalations, broken glass. */
  notices: z
    .array(
      z.object({
        what: z.enum(['reminder', 'escalation', 'break-glass', 'review-overdue', 'review']),
        at: timeSchema,
        text: z.string(),
      }),
    )
    .optional(),
  /** It went on and nobody had approved it. */
  brokenGlass: z
    .object({
      by: personSchema,
      reason: z.string(),
      ticket: z.string(),
      at: timeSchema,
      reviewBy: timeSchema,
      overdue: z.boolean(),
      review: z
        .object({
          by: personSchema,
          verdict: z.enum(['justified', 'unjustified']),
          note: z.string(),
          at: timeSchema,
        })
        .optional(),
    })
    .optional(),
  closedAt: timeSchema.optional(),
  closedBecause: z.string().optional(),
  grant: z.string().optional(),
})
export type ApprovalItem = z.infer<typeof approvalSchema>
export const approvalEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Approval'),
  approval: approvalSchema,
  /** What the requester did in the last hour, newest first. */
  recent: z.array(z.object({ time: timeSchema, sentence: z.string() })).optional(),
})
export type ApprovalDocument = z.infer<typeof approvalEnvelope>
export const approvalsSchema = listSchema('ApprovalList', approvalSchema)
export type ApprovalList = z.infer<typeof approvalsSchema>

const grantSchema = z.object({
  id: z.string(),
  state: z.enum(['live', 'used', 'revoked', 'over']),
  approval: z.string(),
  sentence: z.string(),
  principal: personSchema,
  connection: z.string(),
  rules: z.array(z.string()),
  /** Exactly one request, once. */
  once: z.boolean(),
  approvers: z.array(z.string()),
  grantedAt: timeSchema,
  until: timeSchema,
  usedBy: z.string().optional(),
  /** Nobody approved it. */
  brokenGlass: z.literal(true).optional(),
  /** Of the burst of one kubectl command: how many more requests. */
  left: z.number().int().optional(),
})
export type GrantItem = z.infer<typeof grantSchema>
export const grantEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Grant'),
  grant: grantSchema,
})
export type GrantDocument = z.infer<typeof grantEnvelope>
export const grantsSchema = listSchema('GrantList', grantSchema)
export type GrantList = z.infer<typeof grantsSchema>
export const grantsQuery = z.strictObject({ mine: z.enum(['true', 'false']).default('false') })

const ruleStatsSchema = z.object({
  rule: z.string(),
  asked: z.number().int(),
  approved: z.number().int(),
  denied: z.number().int(),
  /** Nobody decided, or it was taken back. */
  closed: z.number().int(),
  /** Decided within three seconds of being seen. */
  unread: z.number().int(),
  brokenGlass: z.number().int(),
  medianSeconds: z.number().int().optional(),
  /** More than 95 of 100, of at least 50. */
  nearlyAlwaysApproved: z.boolean(),
})
export type ApprovalStatsItem = z.infer<typeof ruleStatsSchema>
export const approvalStatsSchema = listSchema('ApprovalStatsList', ruleStatsSchema)
export type ApprovalStatsList = z.infer<typeof approvalStatsSchema>
