import type { NewEntry } from '../entry.ts'
import { identifiers } from '../heads/identifier.ts'

const nextId = identifiers()

/** The log says of itself that nobody watches it any more (`begin`), or again (`end`). */
export function unwitnessedEntry(
  now: number,
  facts: {
    readonly state: 'begin' | 'end'
    readonly since: number
    readonly size: number
    readonly required: number
    readonly witnesses: readonly { readonly name: string; readonly state: string; readonly detail?: string }[]
  },
): NewEntry {
  return entry(now, 'log.unwitnessed', { ...facts, since: new Date(facts.since).toISOString() })
}

/** A witness says that this log contradicts what it has seen. */
export function conflictEntry(
  now: number,
  facts: {
    readonly witness: string
    readonly vkey: string
    readonly detail: string
    readonly checkpoint: string
  },
): NewEntry {
  return entry(now, 'log.witness-conflict', facts)
}

function entry(now: number, kind: NewEntry['kind'], facts: Readonly<Record<string, unknown>>): NewEntry {
  return {
    call: nextId(now),
    kind,
    phase: 'state',
    session: null,
    effect: null,
    policyDigest: null,
    head: { facts },
  }
}
