import type { DatabaseSync } from 'node:sqlite'
import { columnsOf, type EntryFacts, factsOf } from './entry-facts.ts'
import type { PackedEntry } from './pack.ts'

export interface Applier {
  /** Within the caller's transaction. Returns the rows that became complete. */
  apply(first: number, entries: readonly PackedEntry[]): number[]
}

export function openApplier(database: DatabaseSync): Applier {
  const insertCall = database.prepare(
    `INSERT INTO calls (seq, call, kind, time, session, effect, policy, person, principal, connection, verb, grp,
       resource, subresource, namespace, name, rules, code, complete, head)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (call, kind) DO NOTHING`,
  )
  const endCall = database.prepare(
    'UPDATE calls SET complete = 1, code = ?, ending = ?, effect = coalesce(effect, ?) WHERE seq = ?',
  )
  const findRow = database.prepare('SELECT seq FROM calls WHERE call = ? AND kind = ?')
  const insertEntry = database.prepare(
    'INSERT OR REPLACE INTO entries (seq, row, phase, time, hash, segment, offset, bodies) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const insertKey = database.prepare(
    'INSERT OR REPLACE INTO keys (segment, session, kid, offset) VALUES (?, ?, ?, ?)',
  )
  const insertWords = database.prepare('INSERT INTO words (rowid, text) VALUES (?, ?)')
  const addMasks = database.prepare(
    'INSERT INTO masks (rule, row, count) VALUES (?, ?, ?) ON CONFLICT (rule, row) DO UPDATE SET count = count + excluded.count',
  )
  const insertFingerprint = database.prepare(
    'INSERT OR IGNORE INTO fingerprints (fingerprint, row) VALUES (?, ?)',
  )
  const setNext = database.prepare("UPDATE meta SET value = ? WHERE name = 'next'")

  function one(facts: EntryFacts, completed: number[]): void {
    const { seq, leaf, time, head, headText, entry } = facts
    let row = seq
    if (leaf.phase === 'intent' || leaf.phase === 'state') {
      const { changes } = insertCall.run(...callColumns(facts))
      if (changes === 0) row = (findRow.get(leaf.call, leaf.kind)?.seq as number | undefined) ?? seq
      if (leaf.phase === 'state') completed.push(row)
    } else {
      row = (findRow.get(leaf.call, leaf.kind)?.seq as number | undefined) ?? seq
      if (leaf.phase === 'outcome') {
        endCall.run(head.result?.code ?? null, headText, leaf.effect ?? null, row)
        completed.push(row)
      }
    }
    insertEntry.run(seq, row, leaf.phase, time, facts.hash, entry.segment, entry.offset, facts.bodies)
    for (const key of entry.keys ?? []) insertKey.run(entry.segment, leaf.session ?? '', key.kid, key.offset)
    if (entry.masks !== null) {
      for (const [rule, count] of Object.entries(entry.masks.rules)) addMasks.run(rule, row, count)
      for (const fingerprint of entry.masks.fingerprints) insertFingerprint.run(fingerprint, row)
    }
    if (facts.words !== null) insertWords.run(seq, facts.words)
  }

  return {
    apply(first, entries) {
      const completed: number[] = []
      for (const [at, entry] of entries.entries()) one(factsOf(first + at, entry), completed)
      setNext.run(String(first + entries.length))
      return completed
    },
  }
}

function callColumns({ seq, leaf, time, head, headText }: EntryFacts) {
  const columns = columnsOf(head)
  return [
    seq,
    leaf.call,
    leaf.kind,
    time,
    leaf.session ?? null,
    leaf.effect ?? null,
    leaf.policy ?? null,
    columns.person,
    columns.principal,
    columns.connection,
    columns.verb,
    columns.grp,
    columns.resource,
    columns.subresource,
    columns.namespace,
    columns.name,
    columns.rules,
    columns.code,
    leaf.phase === 'state' ? 1 : 0,
    headText,
  ]
}
