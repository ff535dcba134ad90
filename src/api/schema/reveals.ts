import { z } from 'zod'
import { apiVersionSchema, idSchema, listSchema, timeSchema } from './common.ts'

export const REASON = { least: 20, most: 1000 } as const
const reasonSchema = z.string().trim().min(REASON.least).max(REASON.most)

const personSchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  username: z.string(),
  email: z.string().optional(),
})

/** One call, one value of a call, or one session. */
const scopeSchema = z.union([
  z.strictObject({ call: idSchema }),
  z.strictObject({ call: idSchema, pointer: z.string().max(1024) }),
  z.strictObject({ session: idSchema }),
])

export const revealParams = z.strictObject({ id: idSchema })
export const revealBody = z.strictObject({
  scope: scopeSchema,
  reason: reasonSchema,
  ticket: z.string().trim().min(1).max(200),
})
export const approveRevealBody = z.strictObject({ minutes: z.number().int().min(1).max(60).default(15) })
export const denyBody = z.strictObject({ reason: z.string().trim().max(REASON.most).default('') })

const revealSchema = z.object({
  id: z.string(),
  state: z.enum(['requested', 'approved', 'denied', 'opened', 'expired']),
  scope: scopeSchema,
  reason: z.string(),
  ticket: z.string(),
  requester: personSchema,
  /** Whose values they are. */
  of: z.array(personSchema),
  requestedAt: timeSchema,
  /** Nobody can approve, or open, after it. */
  until: timeSchema,
  approver: personSchema.optional(),
  approvedAt: timeSchema.optional(),
})
export type RevealItem = z.infer<typeof revealSchema>

export const revealEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Reveal'),
  reveal: revealSchema,
})
export type RevealDocument = z.infer<typeof revealEnvelope>
export const revealsSchema = listSchema('RevealList', revealSchema)
export type RevealList = z.infer<typeof revealsSchema>

const lockedValue = z.object({
  key: z.string(),
  commitment: z.string(),
  nonce: z.string(),
  context: z.string(),
  sealed: z.string(),
})
const lockedBody = z.object({ key: z.string(), context: z.string(), records: z.array(z.string()) })

// Members in the order of audit/reveal/contract.ts: the digest is over this JSON.
export const revealedSchema = z.object({
  values: z.array(
    z.object({
      call: z.string(),
      entry: z.number().int(),
      side: z.enum(['request', 'response']),
      pointer: z.string(),
      rule: z.string(),
      state: z.enum(['open', 'recipients', 'not-kept', 'destroyed']),
      text: z.string().optional(),
      base64: z.string().optional(),
      locked: lockedValue.optional(),
    }),
  ),
  bodies: z.array(
    z.object({
      call: z.string(),
      side: z.enum(['request', 'response']),
      mediaType: z.string(),
      restored: z.boolean(),
      state: z.enum(['open', 'recipients', 'destroyed']),
      text: z.string().optional(),
      base64: z.string().optional(),
      locked: lockedBody.optional(),
    }),
  ),
  truncated: z.boolean(),
})

export const revelationSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Revelation'),
  id: z.string(),
  /** Who opened it, when, under which request: to be kept with every copy. */
  watermark: z.string(),
  openedAt: timeSchema,
  openedBy: personSchema,
  /** SHA-256 of the JSON of `revealed`, as in the log. */
  digest: z.string(),
  revealed: revealedSchema,
})
export type Revelation = z.infer<typeof revelationSchema>

const daySchema = z.iso.date()
const classSchema = z.enum(['shown', 'sealed'])

export const shredBody = z.strictObject({ class: classSchema, day: daySchema, reason: reasonSchema })
const shredSchema = z.object({
  id: z.string(),
  state: z.enum(['requested', 'approved', 'denied']),
  /** `<class>-<day>` */
  epoch: z.string(),
  reason: z.string(),
  requester: personSchema,
  requestedAt: timeSchema,
  approver: personSchema.optional(),
  approvedAt: timeSchema.optional(),
})
export type ShredItem = z.infer<typeof shredSchema>
export const shredEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Shred'),
  shred: shredSchema,
})
export type ShredDocument = z.infer<typeof shredEnvelope>
export const shredsSchema = listSchema('ShredList', shredSchema)
export type ShredList = z.infer<typeof shredsSchema>

const holdScope = z.union([
  z.strictObject({ day: daySchema }),
  z.strictObject({ session: idSchema }),
  z.strictObject({ issuer: z.string().min(1).max(1024), subject: z.string().min(1).max(1024) }),
])
export const holdBody = z.strictObject({ scope: holdScope, reason: reasonSchema })
export const holdReleaseBody = z.strictObject({ reason: reasonSchema })
const holdSchema = z.object({
  id: z.string(),
  scope: holdScope,
  reason: z.string(),
  by: personSchema,
  at: timeSchema,
})
export type HoldItem = z.infer<typeof holdSchema>
export const holdEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Hold'),
  hold: holdSchema,
  /** Keys that were being destroyed at that very moment: too late for them. */
  late: z.array(z.string()),
})
export type HoldDocument = z.infer<typeof holdEnvelope>
export const holdsSchema = listSchema('HoldList', holdSchema)
export type HoldList = z.infer<typeof holdsSchema>
