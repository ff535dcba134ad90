import { z } from 'zod'
import { apiVersionSchema, timeSchema } from './common.ts'

export const statusSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Status'),
  version: z.string(),
  url: z.string(),
  startedAt: timeSchema,
  log: z.object({
    origin: z.string(),
    size: z.number().int(),
    sealed: z.boolean(),
    lastEntryAt: timeSchema.optional(),
    witnessing: z
      .object({
        required: z.number().int(),
        action: z.enum(['alert', 'seal']),
        size: z.number().int(),
        unwitnessedSince: timeSchema.nullable(),
        overdue: z.boolean(),
        blocked: z.boolean(),
        witnesses: z.array(
          z.object({
            name: z.string(),
            vkey: z.string(),
            state: z.enum(['cosigned', 'conflict', 'refused', 'unreachable', 'unasked']),
            size: z.number().int(),
            time: timeSchema.nullable(),
            detail: z.string().optional(),
          }),
        ),
      })
      .optional(),
    /** Check and cause, while it is sealed. */
    failure: z.string().optional(),
    quota: z
      .object({
        state: z.enum(['ok', 'low', 'full']),
        freeBytes: z.number(),
        minFreeBytes: z.number(),
        usedBytes: z.number().optional(),
        limitBytes: z.number().optional(),
      })
      .optional(),
    /** Why the coming day's keys could not be had. */
    keyFailure: z.string().optional(),
  }),
  agents: z.array(z.object({ name: z.string(), connected: z.boolean() })),
  liveSessions: z.number().int(),
  policyDigest: z.string(),
  issuers: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() })),
})
export type StatusDocument = z.infer<typeof statusSchema>

export const versionSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Version'),
  version: z.string(),
})
export type VersionDocument = z.infer<typeof versionSchema>

export const readyQuery = z.strictObject({ verbose: z.string().optional() })
