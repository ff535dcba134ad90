import { canonicalJson, digestDocuments } from '../documents/canonical.ts'
import type { PolicyDocument } from '../documents/schema/policy.ts'
import { compileCondition } from './condition/compile-condition.ts'
import { createDecide } from './decide.ts'
import type { Action, Circumstances, Decision, PolicySet } from './decision.ts'
import { defaultsDocument } from './defaults.ts'
import { type ConsideredRule, explainWith } from './explain.ts'
import { rulesOf } from './presets/expand.ts'
import { compileRule } from './rule.ts'
import { createPace } from './timed.ts'
import { createWantsResult } from './wants-result.ts'

export interface CompiledPolicies extends PolicySet {
  /** The decision, and what came of every rule on the way to it. */
  explain(action: Action, circumstances: Circumstances): Explanation
}

export interface Explanation extends Decision {
  readonly considered: readonly ConsideredRule[]
}

/**
 * Makes a policy set of documents that `policyProblems` found no error in; throws when a condition does not compile or a preset does not exist, so
 * that a rule can never be missing from a set. The built-in `defaults` policy is always part of it.
 */
export function compilePolicies(documents: readonly PolicyDocument[]): CompiledPolicies {
  const all = [defaultsDocument, ...documents]
  // What a preset says belongs to it: another version of the product may say something else.
  const digest = digestDocuments(
    all.map(d => (d.spec.use === undefined ? d : { ...d, spec: { ...d.spec, rules: rulesOf(d) } })),
  )
  const sorted = [...all].sort((a, b) => (canonicalName(a) < canonicalName(b) ? -1 : 1))
  const rules = sorted.flatMap(document =>
    rulesOf(document).map(rule => {
      const name = document.metadata.name
      const compiled = rule.when === undefined ? null : compileCondition(rule.when)
      if (compiled !== null && 'errors' in compiled) {
        throw new Error(`rule ${name}/${rule.name}: ${compiled.errors[0]?.message ?? 'bad condition'}`)
      }
      return compileRule(name, rule, compiled?.condition ?? null, digest)
    }),
  )
  const { decide, shows } = createDecide(rules, digest)
  return {
    digest,
    rules,
    decide,
    shows,
    wantsResult: createWantsResult(rules),
    pace: createPace(rules),
    explain: (action, circumstances) => ({
      ...decide(action, circumstances),
      considered: explainWith(rules, action, circumstances),
    }),
  }
}

/** Names are unique in a document set; the text decides where they are not, so that order never does. */
function canonicalName(document: PolicyDocument): string {
  return `${document.metadata.name}\n${canonicalJson(document)}`
}
