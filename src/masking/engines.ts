import type { ActiveRules } from './contract.ts'
import { underRule } from './fingerprints/under-rule.ts'
import { createMaskEngine, type MaskEngine } from './json/mask-engine.ts'

export type MaskEngines = (rules: ActiveRules) => MaskEngine

/** One engine for each set of rules, as long as the set lives: it holds what was worked out of names and paths. */
export function createMaskEngines(
  parts: Omit<MaskEngine, 'rules' | 'names' | 'renewNames' | 'start' | 'isNew'>,
): MaskEngines {
  const engines = new WeakMap<ActiveRules, MaskEngine>()
  return rules => {
    let engine = engines.get(rules)
    if (engine === undefined) {
      const fingerprints = underRule(parts.fingerprints, rules.fingerprint)
      engine = createMaskEngine({ ...parts, rules, fingerprints })
      engines.set(rules, engine)
    }
    return engine
  }
}
