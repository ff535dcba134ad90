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
export const sourceProblemSchema = z.object({
  file: z.string(),
  line: z.number().int(),
  column: z.number().int(),
  path: z.string(),
  message: z.string(),
  severity: z.enum(['error', 'warning']),
})

export const appliedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('ApplyResult'),
  dryRun: z.boolean(),
  changes: z.array(changeSchema),
  /** What probably does not mean what it says, in the policies of the sources. */
  warnings: z.array(sourceProblemSchema).optional(),
})
export type ApplyResult = z.infer<typeof appliedSchema>

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

export const historyParams = z.strictObject({ name: nameSchema })
export const versionParams = z.strictObject({ name: nameSchema, number: z.string().regex(/^[1-9]\d{0,7}$/) })
const policyVersion = z.object({
  number: z.number().int(),
  time: timeSchema,
  by: z.string(),
  change: z.enum(['create', 'update', 'delete']),
})
export const historySchema = listSchema('PolicyVersionList', policyVersion)
export type PolicyHistory = z.infer<typeof historySchema>
export const versionSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('PolicyVersion'),
  name: z.string(),
  version: policyVersion.extend({
    /** YAML; null: it was deleted. */
    text: z.string().nullable(),
  }),
})
export type PolicyVersionDocument = z.infer<typeof versionSchema>

export const replayBody = z.strictObject({
  since: timeSchema,
  until: timeSchema.optional(),
  principal: z.string().min(1).max(1024).optional(),
  connection: nameSchema.optional(),
  /** Policies that would take the place of those of the same name; none: those in force. */
  sources: z
    .array(z.strictObject({ file: z.string().max(1024), text: z.string().max(SOURCE_LIMIT) }))
    .max(500)
    .default([]),
})
const decided = z.object({ effect: z.string(), rules: z.array(z.string()) })
export const replayedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('PolicyReplay'),
  since: timeSchema,
  until: timeSchema,
  judged: z.number().int(),
  unchanged: z.number().int(),
  changed: z.number().int(),
  /** Oldest first, at most 1,000. */
  changes: z.array(
    z.object({
      call: z.string(),
      time: timeSchema,
      user: z.string(),
      sentence: z.string(),
      before: decided,
      after: decided.extend({ reason: z.string() }),
    }),
  ),
  /** Recorded decisions that could not be asked again, and why. */
  notJudged: z.array(z.object({ why: z.string(), count: z.number().int(), calls: z.array(z.string()) })),
  /** There was more than one replay looks at. */
  cut: z.boolean(),
})
export type PolicyReplay = z.infer<typeof replayedSchema>

export const suggestQuery = z.strictObject({
  principal: z.string().min(1).max(1024),
  since: timeSchema,
  until: timeSchema.optional(),
  connection: nameSchema.optional(),
})
export const suggestedSchema = z.object({
  apiVersion: apiVersionSchema,
  kind: z.literal('PolicySuggestion'),
  principal: z.string(),
  /** Calls that were looked at. */
  calls: z.number().int(),
  policy: z.record(z.string(), z.unknown()).nullable(),
  roles: z.array(z.record(z.string(), z.unknown())),
  notes: z.array(z.string()),
})
export type PolicySuggestion = z.infer<typeof suggestedSchema>
