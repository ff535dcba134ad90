import type { MaskingRuleSpec, MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import { compileGlob } from '../../policy/glob.ts'
import type { Report } from './problems.ts'
import { type CompiledRule, compileRule, rankOf } from './rule.ts'

interface Reported {
  readonly document: MaskingRulesDocument
  readonly report: Report
}

/**
 * Warns of rules that never come to act: every place that they name is one of rules that come first and hold wherever
 * they do. Sure of it, not merely likely.
 */
export function shadowedRules(documents: readonly Reported[]): void {
  const rules = [...documents]
    .sort((a, b) => (a.document.metadata.name < b.document.metadata.name ? -1 : 1))
    .flatMap(({ document, report }) =>
      (document.spec.rules ?? []).map((spec, i) => ({ rule: compileRule(document, spec), report, i })),
    )
    .sort((a, b) => rankOf(a.rule) - rankOf(b.rule))
  rules.forEach(({ rule, report, i }, n) => {
    const before = rules
      .slice(0, n)
      .map(r => r.rule)
      .filter(earlier => holdsWherever(earlier.spec, rule.spec))
    const takers = takenBy(rule, before)
    if (takers.length === 0) return
    const message = `never comes to act: ${takers.join(', ')} ${takers.length === 1 ? 'comes' : 'come'} first everywhere`
    report(['spec', 'rules', i], message, 'warning')
  })
}

/** Names of the rules that take all places of `rule`; empty when one place is left to it. */
function takenBy(rule: CompiledRule, before: readonly CompiledRule[]): string[] {
  const takers = new Set<string>()
  const take = (has: (earlier: CompiledRule) => boolean): boolean => {
    const taker = before.find(has)
    if (taker !== undefined) takers.add(taker.mask.name)
    return taker !== undefined
  }
  const { spec } = rule
  // A longer match of a pattern of one's own may be found where another finds none.
  if (spec.patterns !== undefined) return []
  const taken =
    rule.fields.every(place => take(earlier => earlier.fields.some(other => samePlace(other, place)))) &&
    (['keys', 'env'] as const).every(place =>
      (spec[place] ?? []).every(name => take(earlier => covers(earlier.spec[place], name))),
    ) &&
    (spec.names ?? []).every(name => take(earlier => earlier.spec.names?.includes(name) === true)) &&
    (spec.detectors ?? []).every(name => take(earlier => earlier.spec.detectors?.includes(name) === true)) &&
    (spec.fingerprints === undefined || take(earlier => earlier.spec.fingerprints === true))
  return taken ? [...takers] : []
}

type Place = CompiledRule['fields'][number]

/** Only equal paths: of others the more special one comes first, whoever wrote it. */
function samePlace(outer: Place, inner: Place): boolean {
  return (
    listCovers(outer.groups, inner.groups) &&
    listCovers(outer.kinds, inner.kinds) &&
    JSON.stringify(outer.field.path) === JSON.stringify(inner.field.path)
  )
}

function covers(patterns: readonly string[] | undefined, name: string): boolean {
  const lower = name.toLowerCase()
  return patterns?.some(p => compileGlob(p.toLowerCase()).matches(lower)) === true
}

function listCovers(outer: readonly string[] | undefined, inner: readonly string[] | undefined): boolean {
  if (outer === undefined || outer.includes('*')) return true
  return inner?.every(name => outer.some(pattern => compileGlob(pattern).matches(name))) === true
}

function holdsWherever({ scope: outer }: MaskingRuleSpec, { scope: inner }: MaskingRuleSpec): boolean {
  if (outer === undefined) return true
  if (
    outer.principals !== undefined &&
    JSON.stringify(outer.principals) !== JSON.stringify(inner?.principals)
  )
    return false
  return (['connections', 'namespaces', 'directions'] as const).every(field =>
    listCovers(outer[field], inner?.[field]),
  )
}
