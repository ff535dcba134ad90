import type { Finding } from '../contract.ts'
import type { MaskEngine } from './mask-engine.ts'

/** All findings in a text: by look and by fingerprint, in order, without overlaps. */
export function findAll(engine: MaskEngine, text: string): Finding[] {
  const found: Finding[] = []
  if (engine.rules.text.next(text, 0) !== -1) engine.rules.text.find(text, found)
  const { fingerprint } = engine.rules
  if (fingerprint === null) return found
  const seen: Finding[] = []
  engine.fingerprints.find(text, seen)
  if (seen.length === 0) return found
  const all = [...found, ...seen.map(one => ({ ...one, rule: fingerprint }))].sort(
    (a, b) => a.start - b.start || b.end - a.end,
  )
  const kept: Finding[] = []
  for (const one of all) {
    const last = kept.at(-1)
    if (last === undefined || one.start >= last.end) kept.push(one)
    else if (one.end > last.end) kept[kept.length - 1] = { ...last, end: one.end }
  }
  return kept
}
