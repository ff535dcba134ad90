import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'
import { glob, groupSchema, principalsSchema } from './policy.ts'
import { lineSchema, metadataSchema, nameSchema, someOf } from './scalars.ts'

/** It stands in every placeholder, so it is short. */
const ruleNameSchema = z
  .string()
  .min(1)
  .max(24, 'must be at most 24 characters: it stands in every placeholder')
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower-case letters, digits and dashes')

const kindSchema = z
  .string()
  .max(63)
  .regex(/^(?:\*|[A-Za-z][A-Za-z0-9]*)$/, 'must be a kind such as Secret, or *')

/** A date alone would end at a moment that depends on the reader. */
const instantSchema = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/, {
    error: 'must be a time of RFC 3339 with its zone, such as 2026-01-31T18:00:00Z',
    abort: true,
  })
  .refine(text => isInstant(text), 'is no date and time of the calendar')

/** `Date.parse` takes 31 February for 3 March. */
function isInstant(text: string): boolean {
  const parsed = Date.parse(`${text.slice(0, 19)}Z`)
  return (
    Number.isFinite(Date.parse(text)) &&
    Number.isFinite(parsed) &&
    new Date(parsed).toISOString().slice(0, 19) === text.slice(0, 19)
  )
}

const fieldsSchema = z.strictObject({
  apiGroups: someOf(groupSchema, 50),
  kinds: someOf(kindSchema, 50),
  /** `spec.card.number`, `data.*`, `spec.items[*].pin`, `metadata.annotations["a.b/c"]`. */
  paths: someOf(lineSchema.min(1), 100),
  encoding: z.enum(['text', 'base64', 'base64-json', 'helm-release']).optional(),
})

const shown = z.int().min(0).max(8)

const scopeSchema = z
  .strictObject({
    connections: someOf(glob).optional(),
    principals: principalsSchema.optional(),
    namespaces: someOf(glob).optional(),
    directions: someOf(z.enum(['response', 'request', 'trail']), 3).optional(),
  })
  .refine(scope => Object.keys(scope).length > 0, 'must not be empty: leave it out, or narrow something')

const PLACES = ['fields', 'keys', 'env', 'names', 'detectors', 'patterns'] as const

const ruleSchema = z
  .strictObject({
    name: ruleNameSchema,
    description: lineSchema.max(200).optional(),
    fields: someOf(fieldsSchema, 200).optional(),
    /** Globs over names of members, upper and lower case alike. */
    keys: someOf(glob).optional(),
    /** Globs over names of environment variables, upper and lower case alike. */
    env: someOf(glob).optional(),
    /** The built-in vocabulary of names that tell of a secret. */
    names: someOf(z.enum(['keys', 'env']), 2).optional(),
    detectors: someOf(lineSchema.min(1).max(63)).optional(),
    patterns: someOf(
      z.strictObject({
        regex: z.string().min(1).max(1024),
        maximumLength: z.int().min(1).max(4096).optional(),
      }),
      100,
    ).optional(),
    /** Values that were seen as secrets before, wherever they turn up. */
    fingerprints: z.literal(true).optional(),
    action: z.enum(['mask', 'partial', 'fingerprint', 'drop']).optional(),
    partial: z
      .strictObject({ first: shown.optional(), last: shown.optional() })
      .refine(p => (p.first ?? 0) + (p.last ?? 0) > 0, 'must show something: first or last')
      .optional(),
    keep: z.enum(['raw', 'fingerprint', 'none']).optional(),
    learn: z.boolean().optional(),
    scope: scopeSchema.optional(),
  })
  .superRefine((rule, context) => {
    const complain = (path: (string | number)[], message: string): void => {
      context.addIssue({ code: 'custom', path, message })
    }
    if (PLACES.every(place => rule[place] === undefined) && rule.fingerprints === undefined) {
      complain([], `says nowhere to look: give ${PLACES.join(', ')} or fingerprints`)
    }
    if (rule.action === 'partial' && rule.partial === undefined) {
      complain(['partial'], 'is required with action partial: how many first and last characters stay')
    }
    if (rule.action !== 'partial' && rule.partial !== undefined) {
      complain(['partial'], 'has a meaning with action partial only')
    }
    if (rule.action === 'drop') {
      for (const place of ['keys', 'env', 'names', 'detectors', 'patterns', 'fingerprints'] as const) {
        if (rule[place] === undefined) continue
        // Left out wherever a name stands, a member would be missing in objects that need it.
        complain([place], 'cannot be dropped: only a member at a path can be left out, see fields')
      }
    }
  })

const exemptionSchema = z.strictObject({
  name: nameSchema,
  /** Globs over names of rules, shipped ones included. */
  rules: someOf(glob),
  principals: principalsSchema,
  connections: someOf(glob).optional(),
  namespaces: someOf(glob).optional(),
  /** Who reads the record later wants to know. */
  reason: lineSchema.min(1).max(200),
  /** From then on it does not hold. */
  expires: instantSchema.optional(),
})

export const maskingRulesDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('MaskingRules'),
  metadata: metadataSchema,
  spec: z
    .strictObject({
      description: lineSchema.optional(),
      rules: someOf(ruleSchema, 500).optional(),
      exemptions: someOf(exemptionSchema, 500).optional(),
    })
    .superRefine((spec, context) => {
      if (spec.rules === undefined && spec.exemptions === undefined) {
        context.addIssue({ code: 'custom', path: [], message: 'must hold rules or exemptions' })
      }
      const seen = new Set<string>()
      spec.exemptions?.forEach((exemption, i) => {
        if (seen.has(exemption.name)) {
          const message = `there is another exemption named ${exemption.name} in this document`
          context.addIssue({ code: 'custom', path: ['exemptions', i, 'name'], message })
        }
        seen.add(exemption.name)
      })
    }),
})

export type MaskingRulesDocument = z.infer<typeof maskingRulesDocumentSchema>
export type MaskingRuleSpec = NonNullable<MaskingRulesDocument['spec']['rules']>[number]
export type ExemptionSpec = NonNullable<MaskingRulesDocument['spec']['exemptions']>[number]
