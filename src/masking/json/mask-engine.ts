import type { ActiveRules, FieldRule, FingerprintFinder, MaskRule, TellTale } from '../contract.ts'
import type { Placeholders } from '../placeholder.ts'
import { type FieldState, startOf } from './field-state.ts'
import { Names } from './names.ts'

/** Objects whose last version is remembered, in each of two halves. */
const OBJECTS = 20_000

/** What a scan needs beside the text: made once for a set of rules, used by one answer after the other. */
export interface MaskEngine {
  readonly rules: ActiveRules
  readonly placeholders: Placeholders
  readonly fingerprints: FingerprintFinder
  /** Whether the value beside a name that tells of it is what the name says. */
  plausible(value: string, strength: TellTale): boolean
  /** Keyed hash of a value, for rules whose action is `fingerprint`. */
  fingerprintOf(value: string): string
  /** To be taken once for each text: `renewNames` puts others in their place. */
  readonly names: Names
  /** Forgets names when strangers' have filled the table. Who began before goes on with the old one. */
  renewNames(): void
  /** Whether a version of an object comes here for the first time, as far as is remembered. */
  isNew(uid: string, version: string): boolean
  /** Where the walk of an object of a kind begins; null when no field rule names the kind. */
  start(group: string, kind: string): FieldState | null
}

export function createMaskEngine(
  parts: Omit<MaskEngine, 'names' | 'renewNames' | 'start' | 'isNew'>,
): MaskEngine {
  const states = new Map<string, FieldState | null>()
  let seen = new Map<string, string>()
  let before = new Map<string, string>()
  let names = new Names(parts.rules)
  let lastGroup = ''
  let lastKind: string | null = null
  let lastState: FieldState | null = null
  return {
    ...parts,
    get names() {
      return names
    },
    renewNames() {
      if (names.isFull) names = new Names(parts.rules)
    },
    isNew(uid, version) {
      const recent = seen.get(uid)
      if (recent === version) return false
      const known = recent ?? before.get(uid)
      // Two halves, of which the older one goes: what is read again and again stays.
      if (seen.size >= OBJECTS) {
        before = seen
        seen = new Map()
      }
      seen.set(uid, version)
      return known !== version
    },
    start(group, kind) {
      // Most answers hold objects of one kind.
      if (kind === lastKind && group === lastGroup) return lastState
      const id = `${group}/${kind}`
      let state = states.get(id)
      if (state === undefined) {
        if (states.size > 5_000) states.clear()
        state = startOf(parts.rules.fields(group, kind))
        states.set(id, state)
      }
      lastGroup = group
      lastKind = kind
      lastState = state
      return state
    },
  }
}

/** A state in which every string and number is masked by one rule. */
export function everything(rule: MaskRule): FieldState {
  const field: FieldRule = { path: [], encoding: 'text', rule }
  return startOf([field])!
}

/** The placeholder of a value at a place, in letters. */
export function placeholderFor(
  engine: MaskEngine,
  rule: MaskRule,
  value: string,
  uid: string,
  place: string,
): string {
  if (rule.action === 'fingerprint') return engine.placeholders.of(rule.name, engine.fingerprintOf(value))
  const placeholder = engine.placeholders.at(rule.name, uid, place)
  if (rule.action !== 'partial') return placeholder
  const first = value.slice(0, rule.first)
  const last = rule.last === 0 ? '' : value.slice(-rule.last)
  // What stays must be a small part of the value, and may not need an escape in any text it is put into.
  if ((rule.first + rule.last) * 3 > value.length || !/^[A-Za-z0-9._-]*$/.test(first + last))
    return placeholder
  return first + placeholder + last
}
