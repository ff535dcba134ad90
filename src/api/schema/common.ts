import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'

/** Names of documents, connections and agents: safe in a path, a host name label and a file name. */
export const nameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower-case letters, digits and dashes')

export const idSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9-]+$/, 'must be letters, digits and dashes')

/** RFC 3339, UTC. */
export const timeSchema = z.iso.datetime()

export const apiVersionSchema = z.literal(API_VERSION)

export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  continue: z.string().min(1).max(1024).optional(),
}

export const effectSchema = z.enum(['allow', 'deny', 'hold'])

/** `{apiVersion, kind: …List, metadata: {continue}, items}`, the shape that kubectl users know. */
export function listSchema<T extends z.ZodType, K extends string>(kind: K, item: T) {
  return z.object({
    apiVersion: apiVersionSchema,
    kind: z.literal(kind),
    metadata: z.object({ continue: z.string().nullable() }),
    items: z.array(item),
  })
}

export const principalSchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  kind: z.string(),
  username: z.string(),
  groups: z.array(z.string()),
  displayName: z.string().optional(),
  email: z.string().optional(),
})

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string().optional(),
  instance: z.string(),
  code: z.string(),
  check: z.string().optional(),
  next: z.string(),
  requestId: z.string(),
  errors: z.array(z.object({ at: z.string(), message: z.string() })).optional(),
})
export type Problem = z.infer<typeof problemSchema>
