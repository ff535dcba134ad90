import { hash } from 'node:crypto'
import { columnsOf, type EntryFacts } from '../entry-facts.ts'
import { storedWords } from './words.ts'

/** What one statement writes. Names are those of the columns. */
export interface Batch {
  readonly calls: Record<string, unknown>[]
  readonly ends: Record<string, unknown>[]
  readonly entries: Record<string, unknown>[]
  readonly keys: Record<string, unknown>[]
  readonly words: Record<string, unknown>[]
  readonly masks: Record<string, unknown>[]
  readonly fingerprints: Record<string, unknown>[]
  readonly completed: number[]
}

export function callKey(call: string, kind: string): string {
  return `${call} ${kind}`
}

/** @param rows First entries of calls that are in the index already, by `callKey`. */
export function makeBatch(facts: readonly EntryFacts[], rows: ReadonlyMap<string, number>): Batch {
  const batch: Batch = {
    calls: [],
    ends: [],
    entries: [],
    keys: [],
    words: [],
    masks: [],
    fingerprints: [],
    completed: [],
  }
  const begun = new Map<string, { seq: number; row: Record<string, unknown> }>()
  const keys = new Map<string, Record<string, unknown>>()
  // One statement may touch a row once.
  const masks = new Map<string, { rule: string; row: number; count: number }>()
  const fingerprints = new Map<string, Record<string, unknown>>()
  for (const one of facts) {
    const { seq, leaf, time, head, headText, entry } = one
    const key = callKey(leaf.call, leaf.kind)
    const begins = leaf.phase === 'intent' || leaf.phase === 'state'
    let row = begun.get(key)?.seq ?? rows.get(key)
    if (row === undefined) {
      row = seq
      if (begins) {
        const made = callRow(one)
        batch.calls.push(made)
        begun.set(key, { seq, row: made })
      }
    }
    if (leaf.phase === 'outcome') {
      const end = {
        code: head.result?.code ?? null,
        ending: stored(headText),
        effect: stored(leaf.effect ?? null),
      }
      const here = begun.get(key)?.row
      if (here === undefined) batch.ends.push({ seq: row, ...end })
      else Object.assign(here, { ...end, complete: true, effect: here.effect ?? end.effect })
    }
    if (leaf.phase === 'outcome' || leaf.phase === 'state') batch.completed.push(row)
    const { segment, offset: place } = entry
    const hex = Buffer.from(one.hash).toString('hex')
    batch.entries.push({ seq, row, phase: leaf.phase, time, hash: hex, segment, place, bodies: one.bodies })
    for (const { kid, offset } of entry.keys ?? []) {
      const session = leaf.session ?? ''
      keys.set(`${segment} ${session} ${kid}`, { segment, session, kid, place: offset })
    }
    for (const [rule, count] of Object.entries(entry.masks?.rules ?? {})) {
      const place = `${row} ${rule}`
      masks.set(place, { rule, row, count: count + (masks.get(place)?.count ?? 0) })
    }
    for (const fingerprint of entry.masks?.fingerprints ?? []) {
      fingerprints.set(`${row} ${fingerprint}`, { fingerprint, row })
    }
    const words = one.words === null ? null : storedWords(one.words)
    if (words !== null) batch.words.push({ seq, row, ...words })
  }
  batch.keys.push(...keys.values())
  batch.masks.push(...masks.values())
  batch.fingerprints.push(...fingerprints.values())
  return batch
}

function callRow({ seq, leaf, time, head, headText }: EntryFacts): Record<string, unknown> {
  const columns = Object.entries(columnsOf(head)).map(([name, value]) => [
    name,
    name === 'rules' ? stored(value as string | null) : typeof value === 'string' ? comparable(value) : value,
  ])
  return {
    seq,
    call: leaf.call,
    kind: leaf.kind,
    time,
    session: leaf.session ?? null,
    effect: leaf.effect ?? null,
    policy: leaf.policy ?? null,
    ...Object.fromEntries(columns),
    complete: leaf.phase === 'state',
    head: stored(headText),
    ending: null,
  }
}

/** U+0000 and halves of surrogate pairs are no text for PostgreSQL. */
function stored(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\u0000', '\ufffd').toWellFormed()
}

const LONGEST = 512

/** A value that is looked for as a whole: a caller chooses some, and an index takes at most 2,700 bytes. */
export function comparable(text: string): string {
  const clean = stored(text)!
  if (Buffer.byteLength(clean) <= LONGEST) return clean
  return `${clean.slice(0, 64).toWellFormed()}\u2026${hash('sha256', clean, 'hex')}`
}
