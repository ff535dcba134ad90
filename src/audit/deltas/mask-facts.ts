import type { CapturedBody } from '../entry.ts'
import type { OpenedDelta } from './read-delta.ts'

/** What the index keeps of the deltas of an entry. Never a value. */
export interface MaskFacts {
  /** Values by rule. */
  readonly rules: Readonly<Record<string, number>>
  /** Each once. */
  readonly fingerprints: readonly string[]
}

/** Different fingerprints of one entry that can be searched for; the rest is in the delta only. */
const FINGERPRINTS = 10_000

/** Null when nothing was masked. */
export function maskFacts(bodies: readonly (CapturedBody | undefined)[]): MaskFacts | null {
  const gathered = gather()
  for (const body of bodies) {
    for (const one of body?.delta?.fields ?? []) {
      gathered.add(one.rule, one.keep === 'none' ? undefined : one.fingerprint)
    }
  }
  return gathered.facts()
}

/** The same, read again from the log. */
export function maskFactsOf(deltas: readonly (OpenedDelta | null)[]): MaskFacts | null {
  const gathered = gather()
  for (const delta of deltas) {
    for (const [, , , rule, , , fingerprint] of delta?.facts.fields ?? []) {
      gathered.add(delta!.facts.rules[rule] ?? '', fingerprint)
    }
  }
  return gathered.facts()
}

function gather() {
  const rules = new Map<string, number>()
  const fingerprints = new Set<string>()
  return {
    add(rule: string, fingerprint: string | undefined): void {
      rules.set(rule, (rules.get(rule) ?? 0) + 1)
      if (fingerprint !== undefined && fingerprints.size < FINGERPRINTS) fingerprints.add(fingerprint)
    },
    facts: (): MaskFacts | null =>
      rules.size === 0 ? null : { rules: Object.fromEntries(rules), fingerprints: [...fingerprints] },
  }
}
