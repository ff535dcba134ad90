import { z } from 'zod'
import { apiVersionSchema, effectSchema, listSchema, nameSchema, pageQuery, timeSchema } from './common.ts'

/** Bytes of one source text; all of a request stay below the body limit. */
const SOURCE_LIMIT = 1024 * 1024

export const kindSchema = z
  .string()
  .max(63)
  .regex(/^[A-Z][A-Za-z]*$/, 'must be a kind such as Policy')

export const sourcesSchema = z
  .array(z.strictObject({ file: z.string().max(1024), text: z.string().max(SOURCE_LIMIT) }))
  .min(1)
  .max(500)

export const documentRecordSchema = z.object({
  kind: z.string(),
  name: z.string(),
  version: z.number().int(),
  source: z.enum(['api', 'file']),
  file: z.string().optional(),
  updatedAt: timeSchema.optional(),
  document: z.record(z.string(), z.unknown()),
})
export type DocumentItem = z.infer<typeof documentRecordSchema>
export const documentsSchema = listSchema('DocumentList', documentRecordSchema)
export type DocumentList = z.infer<typeof documentsSchema>
export const documentsQuery = z.strictObject({ ...pageQuery, kind: kindSchema.optional() })

export const documentParams = z.strictObject({ kind: kindSchema, name: nameSchema })
export const documentEnvelope = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Document'),
  item: documentRecordSchema,
})
export type DocumentEnvelope = z.infer<typeof documentEnvelope>

export const putBody = z.looseObject({
  apiVersion: apiVersionSchema,
  kind: kindSchema,
  metadata: z.looseObject({ name: nameSchema }),
})
export const versionQuery = z.strictObject({ version: z.coerce.number().int().min(0).optional() })
export const deleteQuery = z.strictObject({ version: z.coerce.number().int().min(1).optional() })

export const applyBody = z.strictObject({
  sources: sourcesSchema,
  dryRun: z.boolean().default(false),
  /** `Kind/name` to the version that the caller has seen; 0 for "must not exist". */
  versions: z.record(z.string().max(128), z.number().int().min(0)).default({}),
  /** Documents to delete in the same step. */
  remove: z
    .array(z.strictObject({ kind: kindSchema, name: nameSchema }))
    .max(500)
    .default([]),
})
export type ApplyBody = z.infer<typeof applyBody>

export const changeSchema = z.object({
  kind: z.string(),
  name: z.string(),
  change: z.enum(['create', 'update', 'unchanged', 'delete']),
  version: z.number().int().nullable(),
  /** Unified diff of the YAML; empty when nothing changes. */
  diff: z.string(),
})
export const appliedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('ApplyResult'),
  dryRun: z.boolean(),
  changes: z.array(changeSchema),
})
export type ApplyResult = z.infer<typeof appliedSchema>

export const sourceProblemSchema = z.object({
  file: z.string(),
  line: z.number().int(),
  column: z.number().int(),
  path: z.string(),
  message: z.string(),
  severity: z.enum(['error', 'warning']),
})

export const checkBody = z.strictObject({ sources: sourcesSchema })
export const checkedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('PolicyCheck'),
  ok: z.boolean(),
  problems: z.array(sourceProblemSchema),
})
export type PolicyCheck = z.infer<typeof checkedSchema>

export const testedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('PolicyTestReport'),
  ok: z.boolean(),
  results: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      line: z.number().int(),
      ok: z.boolean(),
      expected: z.string(),
      got: z.string(),
      detail: z.string().optional(),
    }),
  ),
})
export type PolicyTest = z.infer<typeof testedSchema>

const text = z.string().max(253).default('')
export const explainBody = z.strictObject({
  connection: nameSchema,
  action: z.strictObject({
    verb: z.string().min(1).max(63),
    group: text,
    resource: text,
    subresource: text,
    namespace: text,
    name: text,
    path: z.string().max(4096).default(''),
  }),
})
export type ExplainBody = z.input<typeof explainBody>

export const explainedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('Explanation'),
  /** Set when a recorded call is explained. */
  call: z.string().optional(),
  sentence: z.string().optional(),
  effect: effectSchema,
  rules: z.array(z.string()),
  reason: z.string(),
  policyDigest: z.string().nullable(),
  considered: z.array(
    z.object({ rule: z.string(), matched: z.boolean(), effect: z.string(), why: z.string() }),
  ),
  /** What this explanation could not look at. */
  notes: z.array(z.string()),
})
export type Explained = z.infer<typeof explainedSchema>
