import { z } from 'zod'
import { apiVersionSchema, listSchema, timeSchema } from './common.ts'

const line = z
  .string()
  .trim()
  .min(1)
  .max(253)
  .regex(/^[^\p{Cc}]*$/u, 'must not hold control characters')

export const delegateBody = z.strictObject({
  /** User name, prefix included. */
  to: line.refine(name => !name.includes('*'), 'must be one user name'),
  rules: z.array(line).min(1).max(50).default(['*']),
  /** At most fourteen days. */
  seconds: z
    .number()
    .int()
    .min(60)
    .max(14 * 86_400),
  reason: z.string().trim().max(500).default(''),
})

const delegationSchema = z.object({
  id: z.string(),
  state: z.enum(['live', 'over']),
  /** User name of who is away. */
  of: z.string(),
  to: z.string(),
  rules: z.array(z.string()),
  reason: z.string().optional(),
  from: timeSchema,
  until: timeSchema,
})
export type DelegationItem = z.infer<typeof delegationSchema>
export const delegationEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Delegation'),
  delegation: delegationSchema,
})
export type DelegationDocument = z.infer<typeof delegationEnvelope>
export const delegationsSchema = listSchema('DelegationList', delegationSchema)
export type DelegationList = z.infer<typeof delegationsSchema>
