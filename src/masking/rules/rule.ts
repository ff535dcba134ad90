import type { MaskingRuleSpec, MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import { compileGlobList, type GlobList } from '../../policy/glob.ts'
import type { FieldRule, MaskRule } from '../contract.ts'
import { SHIPPED_NAME } from './defaults.ts'
import { parsePath } from './path.ts'
import { compileScope, type RuleScope } from './scope.ts'

/** Where the field rules of one `fields` item apply. */
export interface PlacedField {
  readonly groups: readonly string[]
  readonly kinds: readonly string[]
  readonly field: FieldRule
}

/** A rule made ready: what becomes of a value, where to look, and for whom. */
export interface CompiledRule {
  readonly mask: MaskRule
  /** Name of the document; `shipped` for what is built in. */
  readonly source: string
  readonly spec: MaskingRuleSpec
  readonly fields: readonly PlacedField[]
  /** Over names in lower case; null when it names none. */
  readonly keys: GlobList | null
  readonly env: GlobList | null
  readonly scope: RuleScope
}

/** Throws where `maskingProblems` would have found an error. */
export function compileRule(document: MaskingRulesDocument, spec: MaskingRuleSpec): CompiledRule {
  const mask: MaskRule = Object.freeze({
    name: spec.name,
    action: spec.action ?? 'mask',
    first: spec.partial?.first ?? 0,
    last: spec.partial?.last ?? 0,
    keep: spec.keep ?? 'raw',
    learn: spec.learn ?? false,
  })
  const fields = (spec.fields ?? []).flatMap(({ apiGroups, kinds, paths, encoding }) =>
    paths.map(text => {
      const parsed = parsePath(text)
      if ('error' in parsed) throw new Error(`masking rule ${spec.name}: ${text}: ${parsed.error}`)
      const field: FieldRule = Object.freeze({ path: parsed.path, encoding: encoding ?? 'text', rule: mask })
      return { groups: apiGroups, kinds, field }
    }),
  )
  return {
    mask,
    source: document.metadata.name,
    spec,
    fields,
    keys: caseless(spec.keys),
    env: caseless(spec.env),
    scope: compileScope(spec.scope),
  }
}

function caseless(patterns: readonly string[] | undefined): GlobList | null {
  return patterns === undefined ? null : compileGlobList(patterns.map(p => p.toLowerCase()))
}

/**
 * Which rule comes first where several could: those of an operator, then the shipped ones, then those of an operator
 * that show parts of a value, so that none of these uncovers what a shipped rule hides.
 */
export function rankOf(rule: CompiledRule): number {
  if (rule.source === SHIPPED_NAME) return 1
  return rule.mask.action === 'partial' ? 2 : 0
}
