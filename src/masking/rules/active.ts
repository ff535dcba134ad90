import { createHash } from 'node:crypto'
import { canonicalJson } from '../../documents/canonical.ts'
import type { ActiveRules, MaskRule, TellTale } from '../contract.ts'
import type { OwnRule } from '../detect/text-finder.ts'
import type { Detectors } from './detectors.ts'
import { fieldsByKind } from './fields.ts'
import type { CompiledRule } from './rule.ts'

interface NameMatch {
  readonly rule: MaskRule
  readonly strength: TellTale
}

/** The rules that hold somewhere, in the order in which they come first, made into one answer for the scanner. */
export function activeRules(
  digest: string,
  rules: readonly CompiledRule[],
  exempt: readonly string[],
  complete: boolean,
  detectors: Detectors,
): ActiveRules {
  const fields = fieldsByKind(rules)
  return Object.freeze({
    digest,
    same: sameness(rules, exempt, complete),
    exempt: Object.freeze([...exempt]),
    complete,
    fields: (group: string, kind: string) => fields(group, kind).fields,
    hasOwnFields: (group: string, kind: string) => fields(group, kind).own,
    key: nameMatcher(rules, 'keys', detectors),
    env: nameMatcher(rules, 'env', detectors),
    text: detectors.createTextFinder(selectedDetectors(rules), ownPatterns(rules)),
    fingerprint: rules.find(r => r.spec.fingerprints === true)?.mask ?? null,
  })
}

/** For whom a rule is does not matter where it holds. */
function sameness(rules: readonly CompiledRule[], exempt: readonly string[], complete: boolean): string {
  const words = rules.map(({ source, spec: { scope: _, ...spec } }) => [source, spec])
  return createHash('sha256')
    .update(canonicalJson([words, exempt, complete]))
    .digest('base64url')
}

/** Names that an operator lists are sure: whatever stands there is a secret. Of the vocabulary the name itself tells. */
function nameMatcher(
  rules: readonly CompiledRule[],
  place: 'keys' | 'env',
  detectors: Detectors,
): (name: string) => NameMatch | undefined {
  const matchers = rules.flatMap(rule => {
    const listed = rule[place]
    const vocabulary = rule.spec.names?.includes(place) === true
    if (listed === null && !vocabulary) return []
    const strong: NameMatch = Object.freeze({ rule: rule.mask, strength: 'strong' })
    const weak: NameMatch = Object.freeze({ rule: rule.mask, strength: 'weak' })
    return [{ listed, vocabulary, strong, weak }]
  })
  if (matchers.length === 0) return () => undefined
  return name => {
    const lower = name.toLowerCase()
    const told = detectors.tellTale(name)
    for (const { listed, vocabulary, strong, weak } of matchers) {
      if (listed?.has(lower) === true) return strong
      if (vocabulary && told !== undefined) return told === 'strong' ? strong : weak
    }
    return undefined
  }
}

function selectedDetectors(rules: readonly CompiledRule[]): Map<string, MaskRule> {
  const selected = new Map<string, MaskRule>()
  for (const { spec, mask } of rules) {
    for (const name of spec.detectors ?? []) if (!selected.has(name)) selected.set(name, mask)
  }
  return selected
}

function ownPatterns(rules: readonly CompiledRule[]): OwnRule[] {
  return rules.flatMap(({ spec, mask }) =>
    (spec.patterns ?? []).map(({ regex, maximumLength }) => ({
      pattern: regex,
      rule: mask,
      ...(maximumLength === undefined ? {} : { longest: maximumLength }),
    })),
  )
}
