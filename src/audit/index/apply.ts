import { hash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { principalKey } from '../../identity/principal.ts'
import type { Head } from '../entry.ts'
import type { Leaf } from '../heads/leaf.ts'
import type { PackedEntry } from './pack.ts'

export interface Applier {
  /** One transaction. Returns the rows that became complete. */
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
  const setNext = database.prepare("UPDATE meta SET value = ? WHERE name = 'next'")

  function one(seq: number, entry: PackedEntry, completed: number[]): void {
    const leaf = JSON.parse(entry.leaf.toString('latin1')) as Leaf
    const headText = entry.head?.toString() ?? null
    const head = headText === null ? {} : (JSON.parse(headText) as Head)
    const time = Date.parse(leaf.time)
    let row = seq
    if (leaf.phase === 'intent' || leaf.phase === 'state') {
      const { changes } = insertCall.run(...callColumns(seq, leaf, time, head, headText))
      if (changes === 0) row = (findRow.get(leaf.call, leaf.kind)?.seq as number | undefined) ?? seq
      if (leaf.phase === 'state') completed.push(row)
    } else {
      row = (findRow.get(leaf.call, leaf.kind)?.seq as number | undefined) ?? seq
      if (leaf.phase === 'outcome') {
        endCall.run(head.result?.code ?? null, headText, leaf.effect ?? null, row)
        completed.push(row)
      }
    }
    const leafHash = hash('sha256', Buffer.concat([LEAF_PREFIX, entry.leaf]), 'buffer')
    insertEntry.run(seq, row, leaf.phase, time, leafHash, entry.segment, entry.offset, bodiesOf(leaf))
    for (const key of entry.keys ?? []) insertKey.run(entry.segment, leaf.session ?? '', key.kid, key.offset)
    const words: string[] = []
    gatherWords(head, words)
    if (entry.text !== null) words.push(entry.text.toString())
    if (words.length > 0) insertWords.run(seq, words.join('\n'))
  }

  return {
    apply(first, entries) {
      const completed: number[] = []
      database.exec('BEGIN')
      try {
        for (const [at, entry] of entries.entries()) one(first + at, entry, completed)
        setNext.run(String(first + entries.length))
        database.exec('COMMIT')
      } catch (error) {
        database.exec('ROLLBACK')
        throw error
      }
      return completed
    },
  }
}

const LEAF_PREFIX = Buffer.from([0])

function callColumns(seq: number, leaf: Leaf, time: number, head: Head, headText: string | null) {
  const action = head.action ?? {}
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
  const rules = head.decision?.rules ?? []
  return [
    seq,
    leaf.call,
    leaf.kind,
    time,
    leaf.session ?? null,
    leaf.effect ?? null,
    leaf.policy ?? null,
    head.principal?.username ?? null,
    head.principal === undefined ? null : principalKey(head.principal),
    head.connection ?? null,
    text(action.verb),
    text(action.apiGroup),
    text(action.resource),
    text(action.subresource),
    text(action.namespace),
    text(action.name),
    rules.length === 0 ? null : `\n${rules.join('\n')}\n`,
    head.result?.code ?? null,
    leaf.phase === 'state' ? 1 : 0,
    headText,
  ]
}

/** `[side, class, bytes]` of each body; what `show` says about one that it does not open. */
function bodiesOf(leaf: Leaf): string | null {
  const bodies = []
  if (leaf.request !== undefined) bodies.push(['request', leaf.request.class, leaf.request.n])
  if (leaf.response !== undefined) bodies.push(['response', leaf.response.class, leaf.response.n])
  return bodies.length === 0 ? null : JSON.stringify(bodies)
}

/** Values, not names of fields: everybody's head has a `username`. */
function gatherWords(value: unknown, into: string[]): void {
  if (typeof value === 'string') into.push(value)
  else if (typeof value === 'number') into.push(String(value))
  else if (Array.isArray(value)) for (const item of value) gatherWords(item, into)
  else if (value !== null && typeof value === 'object') {
    for (const name of Object.keys(value)) gatherWords((value as Record<string, unknown>)[name], into)
  }
}
