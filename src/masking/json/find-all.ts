import type { Finding } from '../contract.ts'
import { withoutOverlaps } from './edit.ts'
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
  return withoutOverlaps([...found, ...seen.map(one => ({ ...one, rule: fingerprint }))])
}
