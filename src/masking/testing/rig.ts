import { hash } from 'node:crypto'
import type { ActiveRules, FieldRule, Finding, FingerprintFinder, MaskRule } from '../contract.ts'
import { createMaskEngine, type MaskEngine } from '../json/mask-engine.ts'
import { createPlaceholders } from '../placeholder.ts'

/** Small rules of known behaviour, so that tests of the scanner do not depend on what is shipped. */
export function maskRule(name: string, more: Partial<MaskRule> = {}): MaskRule {
  return { name, action: 'mask', first: 0, last: 0, keep: 'raw', learn: false, ...more }
}

const SECRET: readonly FieldRule[] = [
  { path: ['data', 'release'], encoding: 'helm-release', rule: maskRule('helm-release') },
  { path: ['data', '.dockerconfigjson'], encoding: 'base64-json', rule: maskRule('registry') },
  { path: ['data', '*'], encoding: 'base64', rule: maskRule('secret-data', { learn: true }) },
  { path: ['stringData', '*'], encoding: 'text', rule: maskRule('secret-data', { learn: true }) },
]

/** Text rule: `CANARY-` and 8 digits. */
const LOOK = /CANARY-[0-9]{8}/g

export function testEngine(
  fields: Readonly<Record<string, readonly FieldRule[]>> = {},
  more: Partial<Pick<ActiveRules, 'key' | 'env'>> = {},
): MaskEngine & { readonly learned: Set<string> } {
  const learned = new Set<string>()
  const look = maskRule('look')
  const fingerprint = maskRule('fingerprint')
  const byKey = maskRule('key-name')
  const named = (name: string) =>
    /password$/i.test(name)
      ? ({ rule: byKey, strength: 'strong' } as const)
      : /token$/i.test(name)
        ? ({ rule: byKey, strength: 'weak' } as const)
        : undefined
  const rules: ActiveRules = {
    digest: 'sha256:test',
    same: '',
    exempt: [],
    complete: true,
    fields: (group, kind) => fields[`${group}/${kind}`] ?? (group === '' && kind === 'Secret' ? SECRET : []),
    hasOwnFields: () => false,
    key: named,
    env: named,
    text: {
      next(text, from) {
        return text.indexOf('CANARY-', from)
      },
      find(text, found) {
        for (const match of text.matchAll(LOOK)) {
          found.push({ start: match.index, end: match.index + match[0].length, rule: look })
        }
      },
    },
    fingerprint,
    ...more,
  }
  const fingerprints: FingerprintFinder = {
    mayHold: () => learned.size > 0,
    find(text, found) {
      const all: Finding[] = []
      for (const value of learned) {
        const start = text.indexOf(value)
        if (start >= 0) all.push({ start, end: start + value.length, rule: fingerprint })
      }
      all.sort((a, b) => a.start - b.start)
      let end = 0
      for (const one of all) {
        if (one.start < end) continue
        found.push(one)
        end = one.end
      }
    },
    match: value => (learned.has(value) ? fingerprint : undefined),
    learn: value => void (value.length >= 12 && learned.add(value)),
  }
  const engine = createMaskEngine({
    rules,
    placeholders: createPlaceholders(Buffer.alloc(32, 7)),
    fingerprints,
    plausible: (value, strength) => strength === 'strong' || value.length >= 8,
    fingerprintOf: value => hash('sha256', value, 'hex').slice(0, 32),
  })
  return Object.assign(engine, { learned })
}
