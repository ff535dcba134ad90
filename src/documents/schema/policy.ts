import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'
import { riskClassNames } from '../../policy/risk-classes.ts'
import { parseDuration } from '../duration.ts'
import { durationSchema, lineSchema, metadataSchema, nameSchema, someOf } from './scalars.ts'

/** Text in which `*` stands for any characters, also none; everything else stands for itself. */
export const glob = lineSchema.min(1).max(253)

const verbSchema = z.string().regex(/^(?:\*|[a-z]{1,63})$/, 'must be a verb in lower case, or *')
export const groupSchema = z
  .string()
  .max(253)
  .regex(/^(?:\*|[a-z0-9.-]*)$/, 'must be an API group, "" for the core group, or *')
const resourceSchema = z
  .string()
  .max(253)
  .regex(
    /^(?:\*|(?:\*|[a-z0-9.-]+)\/(?:\*|[a-z0-9-]+)|[a-z0-9.-]+)$/,
    'must be *, a resource (pods), a subresource (pods/log, */scale) or all subresources of one (pods/*)',
  )
const urlSchema = z
  .string()
  .max(1024)
  .regex(/^(?:\*|\/[^*\s]*\*?)$/, 'must begin with / and may have a * at its end only')
const serviceAccountSchema = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9*-]+\/)?[a-z0-9*-]+:[a-z0-9*.-]+$/,
    'must be namespace:name or connection/namespace:name; * stands for any characters',
  )
const adminVerbSchema = z
  .string()
  .max(127)
  .regex(/^(?:\*|[a-z]+(?:\.[a-z]+)*(?:\.\*)?)$/, 'must be a verb such as audit.search, audit.* or *')

/** Whom a rule is about. */
export const principalsSchema = z
  .strictObject({
    users: someOf(glob).optional(),
    groups: someOf(glob).optional(),
    serviceAccounts: someOf(serviceAccountSchema).optional(),
    /** Narrows the three above; alone it means everybody of that kind. */
    kinds: someOf(z.enum(['person', 'serviceaccount', 'job', 'role', 'agent'])).optional(),
  })
  .refine(p => Object.keys(p).length > 0, 'must name somebody; users: ["*"] is everybody')

const matchSchema = z.strictObject({
  principals: principalsSchema.optional(),
  connections: someOf(glob).optional(),
  verbs: someOf(verbSchema).optional(),
  apiGroups: someOf(groupSchema).optional(),
  resources: someOf(resourceSchema).optional(),
  namespaces: someOf(glob).optional(),
  resourceNames: someOf(glob).optional(),
  nonResourceURLs: someOf(urlSchema).optional(),
  riskClasses: someOf(z.enum(['*', ...riskClassNames])).optional(),
  impersonate: z
    .strictObject({
      users: someOf(glob).optional(),
      groups: someOf(glob).optional(),
      uids: someOf(glob).optional(),
      extraKeys: someOf(glob).optional(),
    })
    .optional(),
  admin: z
    .strictObject({
      verbs: someOf(adminVerbSchema),
      resources: someOf(glob).optional(),
      names: someOf(glob).optional(),
    })
    .optional(),
})

const RESOURCE_FIELDS = ['apiGroups', 'resources', 'namespaces', 'resourceNames'] as const
const REQUEST_FIELDS = [
  ...RESOURCE_FIELDS,
  'connections',
  'verbs',
  'nonResourceURLs',
  'riskClasses',
  'impersonate',
] as const

/** Who must say yes, and to what. */
const approvalSchema = z.strictObject({
  /** Each of these must be filled, by different people; left out: one person whom policy lets decide. */
  approvers: someOf(
    z
      .strictObject({
        groups: someOf(glob, 50).optional(),
        users: someOf(glob, 50).optional(),
        count: z.int().min(1).max(20).optional(),
      })
      .refine(q => q.groups !== undefined || q.users !== undefined || q.count !== undefined, {
        message: 'must say who (groups, users) or how many (count)',
      }),
    10,
  ).optional(),
  deadline: durationSchema
    .refine(text => within(text, MINUTE, 7 * 24 * 60 * MINUTE), 'must be from 1m to 168h')
    .optional(),
  /** `once`: exactly this request; a duration: the same action on the same object, as often as wanted. */
  grant: z
    .union([z.literal('once'), durationSchema])
    .refine(text => text === 'once' || within(text, MINUTE, 24 * 60 * MINUTE), {
      message: 'must be once, or from 1m to 24h',
    })
    .optional(),
  reason: z.enum(['optional', 'required']).optional(),
})

const MINUTE = 60_000

function within(text: string, least: number, most: number): boolean {
  const milliseconds = parseDuration(text)
  return milliseconds !== undefined && milliseconds >= least && milliseconds <= most
}

const ruleSchema = z
  .strictObject({
    name: nameSchema,
    effect: z.enum(['allow', 'deny', 'hold']),
    /** What a caller reads when this rule decides. */
    reason: lineSchema.max(200).optional(),
    match: matchSchema,
    /** CEL over principal, action, session, connection and now. */
    when: z.string().min(1).max(4096).optional(),
    /** Of a hold rule. */
    approval: approvalSchema.optional(),
  })
  .superRefine((rule, context) => {
    const { match } = rule
    if (rule.approval !== undefined && rule.effect !== 'hold') {
      context.addIssue({ code: 'custom', path: ['approval'], message: 'has a meaning in a hold rule only' })
    }
    const complain = (field: string, message: string): void => {
      context.addIssue({ code: 'custom', path: ['match', field], message })
    }
    if (match.admin !== undefined) {
      for (const field of REQUEST_FIELDS) {
        if (match[field] !== undefined) complain(field, 'cannot stand beside admin: make two rules')
      }
    }
    if (match.nonResourceURLs !== undefined) {
      for (const field of RESOURCE_FIELDS) {
        if (match[field] !== undefined) complain(field, 'cannot stand beside nonResourceURLs: make two rules')
      }
    }
    if (rule.effect === 'deny') return
    // What opens something says for whom; what is left out by mistake must not mean everybody.
    if (match.principals === undefined) {
      complain('principals', `is required in a rule with effect ${rule.effect}; users: ["*"] is everybody`)
    }
    if (rule.effect === 'hold' || match.admin !== undefined) return
    if (match.resources === undefined && match.nonResourceURLs === undefined) {
      complain('resources', 'an allow rule names resources, nonResourceURLs or admin')
      return
    }
    if (match.verbs === undefined) complain('verbs', 'is required in an allow rule')
    if (match.resources !== undefined && match.apiGroups === undefined) {
      complain('apiGroups', 'is required in an allow rule with resources; [""] is the core group')
    }
  })

export const policyDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Policy'),
  metadata: metadataSchema,
  spec: z
    .strictObject({
      description: lineSchema.optional(),
      rules: someOf(ruleSchema, 1000),
    })
    .superRefine((spec, context) => {
      const seen = new Set<string>()
      spec.rules.forEach((rule, i) => {
        if (seen.has(rule.name)) {
          const message = `there is another rule named ${rule.name} in this policy`
          context.addIssue({ code: 'custom', path: ['rules', i, 'name'], message })
        }
        seen.add(rule.name)
      })
    }),
})

export type PolicyDocument = z.infer<typeof policyDocumentSchema>
export type PolicyRule = PolicyDocument['spec']['rules'][number]
export type RuleMatch = PolicyRule['match']
