import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'
import { parseRange } from '../../policy/fields/addresses.ts'
import { imagePatternFault } from '../../policy/fields/images.ts'
import { isTimeZone } from '../../policy/fields/time-windows.ts'
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
/** apimachinery `validation.IsQualifiedName` and `IsValidLabelValue`; they go into a selector as they are. */
const labelKeySchema = z
  .string()
  .regex(
    /^(?=.{1,317}$)(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
    'must be the key of a label',
  )
const labelValueSchema = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/, 'must be the value of a label')
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
    /** Narrows as well: of each claim that is named, some value must match. */
    claims: z
      .record(lineSchema.min(1).max(200), someOf(glob, 100))
      .refine(c => Object.keys(c).length > 0, 'must name a claim')
      .optional(),
  })
  .refine(p => Object.keys(p).length > 0, 'must name somebody; users: ["*"] is everybody')

const windowSchema = z
  .strictObject({
    days: someOf(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])).optional(),
    hours: z
      .string()
      .regex(
        /^(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/,
        'must be from-to, such as 08:00-18:00',
      )
      .refine(text => text.slice(0, 5) !== text.slice(6), 'begins when it ends')
      .optional(),
    /** IANA name; left out: UTC. */
    zone: z
      .string()
      .max(64)
      .refine(isTimeZone, 'is no time zone that is known here, such as Europe/Berlin or UTC')
      .optional(),
  })
  .refine(w => w.days !== undefined || w.hours !== undefined, 'must have days or hours')

const timeSchema = z
  .strictObject({ within: someOf(windowSchema, 50).optional(), outside: someOf(windowSchema, 50).optional() })
  .refine(t => (t.within === undefined) !== (t.outside === undefined), 'must have either within or outside')

const clientSchema = z
  .strictObject({
    addresses: someOf(
      z
        .string()
        .max(64)
        .refine(
          text => parseRange(text) !== undefined,
          'must be an address or a range such as 10.0.0.0/8, without bits behind its prefix',
        ),
    ).optional(),
    /** First product of the User-Agent, with or without its version. */
    userAgents: someOf(glob).optional(),
    /** What kubectl says it runs: `kubectl delete`. */
    commands: someOf(glob).optional(),
  })
  .refine(c => Object.keys(c).length > 0, 'must say something about the client')

const imagePattern = z
  .string()
  .max(512)
  .superRefine((text, context) => {
    const fault = imagePatternFault(text)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  })
const imagesSchema = z
  .strictObject({ from: someOf(imagePattern).optional(), notFrom: someOf(imagePattern).optional() })
  .refine(i => (i.from === undefined) !== (i.notFrom === undefined), 'must have either from or notFrom')

const matchSchema = z.strictObject({
  principals: principalsSchema.optional(),
  connections: someOf(glob).optional(),
  verbs: someOf(verbSchema).optional(),
  apiGroups: someOf(groupSchema).optional(),
  resources: someOf(resourceSchema).optional(),
  namespaces: someOf(glob).optional(),
  resourceNames: someOf(glob).optional(),
  /** Of the object itself; in allow rules for reads. */
  labels: z
    .record(labelKeySchema, labelValueSchema)
    .refine(labels => Object.keys(labels).length > 0, 'must not be empty: leave it out, or name something')
    .refine(labels => Object.keys(labels).length <= 20, 'must not have more than 20 labels')
    .optional(),
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
  /** Images that the body names, at any depth. */
  images: imagesSchema.optional(),
  dryRun: z.boolean().optional(),
  time: timeSchema.optional(),
  client: clientSchema.optional(),
})

const RESOURCE_FIELDS = [
  'apiGroups',
  'resources',
  'namespaces',
  'resourceNames',
  'labels',
  'images',
  'dryRun',
] as const
const REQUEST_FIELDS = [
  ...RESOURCE_FIELDS,
  'connections',
  'verbs',
  'nonResourceURLs',
  'riskClasses',
  'impersonate',
] as const

const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

/** Who must say yes, and to what. */
const approvalSchema = z.strictObject({
  /** Each of these must be filled, by different people; left out: one person whom policy lets decide. */
  approvers: someOf(
    z
      .strictObject({
        groups: someOf(glob, 50).optional(),
        users: someOf(glob, 50).optional(),
        count: z.int().min(1).max(20).optional(),
        /** Who counts as well when nobody has decided by then. */
        escalate: someOf(
          z
            .strictObject({
              after: durationSchema.refine(text => within(text, MINUTE, WEEK), 'must be from 1m to 168h'),
              groups: someOf(glob, 50).optional(),
              users: someOf(glob, 50).optional(),
            })
            .refine(e => e.groups !== undefined || e.users !== undefined, 'must say to whom (groups, users)'),
          5,
        ).optional(),
      })
      .refine(q => q.groups !== undefined || q.users !== undefined || q.count !== undefined, {
        message: 'must say who (groups, users) or how many (count)',
      })
      .refine(q => q.escalate === undefined || q.groups !== undefined || q.users !== undefined, {
        message: 'cannot be escalated where everybody may approve: name groups or users',
      }),
    10,
  ).optional(),
  deadline: durationSchema.refine(text => within(text, MINUTE, WEEK), 'must be from 1m to 168h').optional(),
  /** `once`: exactly this request; a duration: the same action on the same object, as often as wanted. */
  grant: z
    .union([z.literal('once'), durationSchema])
    .refine(text => text === 'once' || within(text, MINUTE, 24 * 60 * MINUTE), {
      message: 'must be once, or from 1m to 24h',
    })
    .optional(),
  reason: z.enum(['optional', 'required']).optional(),
  /** Approved on the approval page only, after a sign-in younger than five minutes. */
  page: z.boolean().optional(),
  /** When those who may decide are told once more; left out: after four tenths of the deadline. */
  remindAfter: z
    .union([z.literal('never'), durationSchema])
    .refine(text => text === 'never' || within(text, MINUTE, WEEK), 'must be never, or from 1m to 168h')
    .optional(),
  /** Who may go on without an approval, loudly; another person looks at it afterwards. */
  breakGlass: z
    .strictObject({
      groups: someOf(glob, 50).optional(),
      users: someOf(glob, 50).optional(),
      for: durationSchema
        .refine(text => within(text, MINUTE, 60 * MINUTE), 'must be from 1m to 1h')
        .optional(),
      review: durationSchema
        .refine(text => within(text, 60 * MINUTE, WEEK), 'must be from 1h to 168h')
        .optional(),
    })
    .refine(b => b.groups !== undefined || b.users !== undefined, 'must say who (groups, users)')
    .optional(),
  /** One approval for what one kubectl command does to several objects in the same words. */
  burst: z.literal('kubectl-command').optional(),
})

const MINUTE = 60_000
const WEEK = 7 * 24 * 60 * MINUTE

function within(text: string, least: number, most: number): boolean {
  const milliseconds = parseDuration(text)
  return milliseconds !== undefined && milliseconds >= least && milliseconds <= most
}

const limitSchema = z.strictObject({
  /** Requests that pass in any stretch of `per`. */
  count: z.number().int().min(1).max(1000),
  per: durationSchema.refine(
    text => (parseDuration(text) ?? 0) >= 1000 && (parseDuration(text) ?? 0) <= 86_400_000,
    'must be between 1s and 1d',
  ),
  /** Whose requests are counted together; left out: those of a principal. */
  of: z.enum(['principal', 'session']).optional(),
})

const ruleSchema = z
  .strictObject({
    name: nameSchema,
    effect: z.enum(['allow', 'deny', 'hold', 'limit']),
    /** What a caller reads when this rule decides. */
    reason: lineSchema.max(200).optional(),
    match: matchSchema,
    /** CEL over principal, action, session, connection, client and now. */
    when: z.string().min(1).max(4096).optional(),
    /** Of a hold rule. */
    approval: approvalSchema.optional(),
    /** Of an allow or hold rule: the caller has to say why. */
    requireReason: z.boolean().optional(),
    /** Of a hold rule: it only holds. It lets nobody ask for what no allow rule covers. */
    guard: z.boolean().optional(),
    limit: limitSchema.optional(),
    /** Of an allow rule that covers a part of a list or watch: that part is shown. Else the request is denied. */
    filter: z.boolean().optional(),
  })
  .superRefine((rule, context) => {
    const { match } = rule
    if (rule.approval !== undefined && rule.effect !== 'hold') {
      context.addIssue({ code: 'custom', path: ['approval'], message: 'has a meaning in a hold rule only' })
    }
    if (rule.filter !== undefined && rule.effect !== 'allow') {
      context.addIssue({ code: 'custom', path: ['filter'], message: 'has a meaning in an allow rule only' })
    }
    if (rule.approval?.page === true && rule.approval.breakGlass !== undefined) {
      const message = 'cannot stand beside page: what takes a fresh sign-in is not for a hurry'
      context.addIssue({ code: 'custom', path: ['approval', 'breakGlass'], message })
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
    checkEffect(rule, (field, message) => context.addIssue({ code: 'custom', path: [field], message }))
    if (match.labels !== undefined) {
      // What a write does to an object, and to which, is not known by labels before it is done.
      if (rule.effect !== 'allow') complain('labels', 'has a meaning in an allow rule only')
      else if (!(match.verbs ?? ['*']).every(verb => READS.has(verb)))
        complain('labels', 'limits reads: verbs may be get, list and watch only')
    }
    if (rule.effect === 'deny' || rule.effect === 'limit') return
    // What opens something says for whom; what is left out by mistake must not mean everybody.
    if (match.principals === undefined) {
      complain('principals', `is required in a rule with effect ${rule.effect}; users: ["*"] is everybody`)
    }
    if (rule.effect !== 'allow' || match.admin !== undefined) return
    if (match.resources === undefined && match.nonResourceURLs === undefined) {
      complain('resources', 'an allow rule names resources, nonResourceURLs or admin')
      return
    }
    if (match.verbs === undefined) complain('verbs', 'is required in an allow rule')
    if (match.resources !== undefined && match.apiGroups === undefined) {
      complain('apiGroups', 'is required in an allow rule with resources; [""] is the core group')
    }
  })

/** Fields that belong to one effect. */
function checkEffect(
  rule: {
    readonly effect: string
    readonly limit?: unknown
    readonly requireReason?: boolean | undefined
    readonly guard?: boolean | undefined
    readonly match: { readonly admin?: unknown }
  },
  complain: (field: string, message: string) => void,
): void {
  if (rule.effect === 'limit') {
    if (rule.limit === undefined)
      complain('limit', 'is required in a rule with effect limit: {count: 10, per: 1m}')
    if (rule.match.admin !== undefined) complain('match', 'a limit counts requests to connections, not admin')
  } else if (rule.limit !== undefined) complain('limit', 'belongs to a rule with effect limit')
  if (rule.requireReason !== undefined && rule.effect !== 'allow' && rule.effect !== 'hold') {
    complain('requireReason', 'belongs to a rule with effect allow or hold')
  }
  if (rule.requireReason !== undefined && rule.match.admin !== undefined) {
    complain(
      'requireReason',
      'is not known beside admin: what is done to Sallyport itself takes its own reasons',
    )
  }
  if (rule.guard !== undefined && rule.effect !== 'hold') {
    complain('guard', 'belongs to a rule with effect hold')
  }
}

const useSchema = z.strictObject({
  preset: nameSchema,
  /** For whom, instead of everybody. */
  principals: principalsSchema.optional(),
  connections: someOf(glob).optional(),
  /** What a preset asks for, such as `secrets-read-only-by`: groups by their exact names. */
  groups: someOf(
    lineSchema
      .min(1)
      .max(253)
      .refine(g => !g.includes('*'), 'must be exact names'),
  ).optional(),
})

export const policyDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Policy'),
  metadata: metadataSchema,
  spec: z
    .strictObject({
      description: lineSchema.optional(),
      /** Shipped rules (`sallyport policy preset list`), by name or with what they shall be about. */
      use: someOf(
        z.union([nameSchema, useSchema], 'must be the name of a shipped preset, or {preset: NAME} with more'),
        100,
      ).optional(),
      rules: someOf(ruleSchema, 1000).optional(),
    })
    .superRefine((spec, context) => {
      if (spec.use === undefined && spec.rules === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['rules'],
          message: 'is required unless `use` names shipped rules',
        })
      }
      const seen = new Set<string>()
      spec.rules?.forEach((rule, i) => {
        if (seen.has(rule.name)) {
          const message = `there is another rule named ${rule.name} in this policy`
          context.addIssue({ code: 'custom', path: ['rules', i, 'name'], message })
        }
        seen.add(rule.name)
      })
    }),
})

export type PolicyDocument = z.infer<typeof policyDocumentSchema>
export type PolicyRule = z.infer<typeof ruleSchema>
export type PolicyUse = z.infer<typeof useSchema>
export type RuleMatch = PolicyRule['match']
