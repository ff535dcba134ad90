import { digestDocuments } from '../../documents/canonical.ts'
import type { MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import type { ActiveRules, MaskDirection, TextFinder } from '../contract.ts'
import { activeRules } from './active.ts'
import { shippedDocument } from './defaults.ts'
import type { Detectors } from './detectors.ts'
import { identityOf } from './identity.ts'
import { type CompiledRule, compileRule, rankOf } from './rule.ts'
import { compileExemption, type Exemption, type MaskScope } from './scope.ts'

export interface CompiledMasking {
  /** `sha256:` and hex over all documents, the shipped one included. */
  readonly digest: string
  /** In the order in which they come first. */
  readonly rules: readonly CompiledRule[]
  readonly exemptions: readonly Exemption[]
  /** All rules, whomever they are for, and no exemption: for heads of the trail. */
  readonly trail: ActiveRules
  /** The same object for the same scope, as long as no exemption ends. Cheap: a look into a map. */
  for(scope: MaskScope): ActiveRules
}

/** Scopes that are remembered. Their names come from requests, so there is a most. */
const MOST_SCOPES = 20_000
/** Sets of rules that are remembered: each holds a compiled finder. */
const MOST_SETS = 256

interface Kept {
  readonly active: ActiveRules
  /** When the first of the exemptions in it ends. */
  readonly until: number
}

/**
 * Makes the rules that are in force of documents that `maskingProblems` found no error in. Throws when one cannot be
 * compiled, so that a rule can never be missing. The shipped rules are always part of it.
 */
export function compileMasking(
  documents: readonly MaskingRulesDocument[],
  detectors: Detectors,
): CompiledMasking {
  const all = [shippedDocument, ...documents]
  const digest = digestDocuments(all)
  const sorted = [...all].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const rules = sorted
    .flatMap(document => (document.spec.rules ?? []).map(spec => compileRule(document, spec)))
    .sort((a, b) => rankOf(a) - rankOf(b))
  const exemptions = sorted.flatMap(document =>
    (document.spec.exemptions ?? []).map(spec => compileExemption(document.metadata.name, spec)),
  )
  const narrow = exemptions.length > 0 || rules.some(rule => rule.scope.narrow)
  const shared = sharedFinders(detectors)
  const sets = new Map<string, ActiveRules>()
  const byScope = new Map<string, Kept>()

  function make(scope: MaskScope): Kept {
    const exempting = exemptions.filter(e => e.expires > scope.now && e.holds(scope))
    const inScope = rules.filter(rule => rule.scope.holds(scope))
    const held = inScope.filter(rule => !exempting.some(e => e.rules.has(rule.mask.name)))
    const exempt = inScope.filter(rule => !held.includes(rule)).map(rule => rule.mask.name)
    const inTrail = { ...scope, direction: 'trail' } as const
    const complete = rules.every(rule => held.includes(rule) || !rule.scope.holds(inTrail))
    const key = JSON.stringify([held.map(rule => rule.mask.name), exempt, complete])
    let active = sets.get(key)
    if (active === undefined) {
      active = activeRules(digest, held, exempt, complete, shared)
      keep(sets, key, active, MOST_SETS)
    }
    return { active, until: Math.min(...exempting.map(e => e.expires)) }
  }

  // All rules at once, now: an engine that cannot start shows before anything is served.
  const trail = activeRules(digest, rules, [], true, shared)
  // Without a rule for somebody only, the direction alone decides.
  const first = new Map<MaskDirection, ActiveRules>()
  if (!narrow) {
    for (const direction of ['response', 'request', 'trail'] as const) {
      first.set(
        direction,
        make({ connection: '', principal: nobody, namespace: '', direction, now: 0 }).active,
      )
    }
  }
  return {
    digest,
    rules,
    exemptions,
    trail,
    for(scope) {
      const everybody = first.get(scope.direction)
      if (everybody !== undefined) return everybody
      const key = `${scope.direction}\n${scope.connection}\n${scope.namespace}\n${identityOf(scope.principal)}`
      const known = byScope.get(key)
      if (known !== undefined && scope.now < known.until) return known.active
      const made = make(scope)
      keep(byScope, key, made, MOST_SCOPES)
      return made.active
    },
  }
}

/** A finder takes milliseconds to make, and most sets differ in other rules than those that it is made of. */
function sharedFinders(detectors: Detectors): Detectors {
  const finders = new Map<string, TextFinder>()
  return {
    ...detectors,
    createTextFinder(selected, own) {
      const key = JSON.stringify([
        [...selected].map(([name, rule]) => [name, rule.name]),
        own.map(({ pattern, longest, rule }) => [pattern, longest, rule.name]),
      ])
      let finder = finders.get(key)
      if (finder === undefined) {
        finder = detectors.createTextFinder(selected, own)
        keep(finders, key, finder, MOST_SETS)
      }
      return finder
    },
  }
}

const nobody = {
  issuer: '',
  subject: '',
  kind: 'agent',
  username: '',
  groups: [],
  authentication: { method: 'session', provider: '', validUntil: 0, credentialDigest: '' },
} as const

/** The oldest one goes. What is asked for again is made again: slower, and never wrong. */
function keep<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key)
  if (map.size >= most) map.delete(map.keys().next().value!)
  map.set(key, value)
}
