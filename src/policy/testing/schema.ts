import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'
import { lineSchema, metadataSchema, nameSchema, someOf } from '../../documents/schema/scalars.ts'

const text = z.string().max(4096)
const body = z.strictObject({
  /** As in `metadata.name`; `x*` for a generateName. Taken from `object` when left out. */
  name: text.optional(),
  kind: text.optional(),
  apiVersion: text.optional(),
  form: z.enum(['object', 'json-patch', 'merge-patch', 'strategic-merge-patch', 'apply-patch']).optional(),
  object: z.unknown(),
})

const impersonate = z.strictObject({
  user: text.min(1),
  groups: z.array(text).optional(),
  uid: text.optional(),
  extra: z.record(z.string(), z.array(text)).optional(),
})

const principalSchema = z.strictObject({
  username: text.min(1).optional(),
  groups: z.array(text).optional(),
  kind: z.enum(['person', 'serviceaccount', 'job', 'role', 'agent']).optional(),
  email: text.optional(),
  displayName: text.optional(),
  /** Values of claims that the issuer's document carries along; a claim that is not named is not known. */
  claims: z.record(text, z.array(text)).optional(),
  /** `namespace:name` of the connection that is called, or `connection/namespace:name`. */
  serviceAccount: z
    .string()
    .regex(/^(?:[a-z0-9-]+\/)?[a-z0-9-]+:[a-z0-9.-]+$/, 'must be namespace:name or connection/namespace:name')
    .optional(),
})

const actionSchema = z.strictObject({
  verb: text.min(1),
  apiGroup: text.optional(),
  apiVersion: text.optional(),
  /** `pods`, `pods/log` */
  resource: text.optional(),
  namespace: text.optional(),
  name: text.optional(),
  /** Of a request for no resource. */
  path: text.optional(),
  fieldSelector: text.optional(),
  labelSelector: text.optional(),
  dryRun: z.boolean().optional(),
  command: z.array(text).optional(),
})

const caseSchema = z
  .strictObject({
    name: lineSchema.min(1),
    principal: principalSchema,
    connection: nameSchema.optional(),
    client: z
      .strictObject({ address: text.optional(), userAgent: text.optional(), command: text.optional() })
      .optional(),
    /** RFC 3339; the conditions' `now`. */
    now: z.iso.datetime().optional(),
    action: actionSchema.optional(),
    /** A request line, as kubectl sends it: `GET /api/v1/namespaces/shop/pods?watch=true`. */
    request: z.string().max(4096).optional(),
    admin: z.strictObject({ verb: text.min(1), resource: text.optional(), name: text.optional() }).optional(),
    body: body.optional(),
    /** The object before the write, for `action.before`; null: there is none yet. */
    before: z.union([z.record(z.string(), z.unknown()), z.null()]).optional(),
    impersonate: impersonate.optional(),
    expect: z.strictObject({
      effect: z.enum(['allow', 'deny', 'hold']),
      /** `policy/rule` that decides; `none` when nothing matches. */
      rule: z.string().optional(),
      /** Words that the reason must hold. */
      reason: z.string().optional(),
      /** Whether the caller has to say why. */
      requireReason: z.boolean().optional(),
      /** `policy/rule` of every limit that it counts against. */
      limits: z.array(text).optional(),
    }),
  })
  .refine(c => [c.action, c.request, c.admin].filter(a => a !== undefined).length === 1, {
    message: 'must have exactly one of action, request and admin',
  })
  .refine(c => c.before === undefined || c.admin === undefined, {
    path: ['before'],
    message: 'is of a request to a cluster, and admin is none',
  })

export const policyTestSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('PolicyTest'),
  metadata: metadataSchema,
  spec: z.strictObject({
    description: lineSchema.optional(),
    cases: someOf(caseSchema, 1000),
  }),
})

export type PolicyTestDocument = z.infer<typeof policyTestSchema>
export type PolicyTestCase = PolicyTestDocument['spec']['cases'][number]
