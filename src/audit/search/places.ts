import type { DatabaseSync } from 'node:sqlite'
import type { CallPlaces, EntryPlace } from '../index/messages.ts'
import type { WrittenKey } from '../log/contract.ts'
import { ENTRIES_SHOWN } from './limits.ts'
import { rowOf } from './row.ts'

export function findCall(database: DatabaseSync, call: string): CallPlaces | null {
  // A call and a state entry may share an id (the session that a request opened); the call is what is asked for.
  const found = database
    .prepare(
      `SELECT seq, call, kind, time, session, effect, complete, head, ending, policy FROM calls
       WHERE call = ? ORDER BY kind = 'k8s.request' DESC, seq LIMIT 1`,
    )
    .get(call)
  if (found === undefined) return null
  const rows = database
    .prepare('SELECT * FROM entries WHERE row = ? ORDER BY seq LIMIT ?')
    .all(found.seq as number, ENTRIES_SHOWN + 1)
  const last = database
    .prepare("SELECT * FROM entries WHERE row = ? AND phase = 'outcome' ORDER BY seq DESC LIMIT 1")
    .get(found.seq as number)
  const more = rows.length > ENTRIES_SHOWN
  const shown = rows.slice(0, ENTRIES_SHOWN)
  if (more && last !== undefined) shown.push(last)
  const keysOf = database.prepare('SELECT kid, offset FROM keys WHERE segment = ? AND session = ?')
  const keys = new Map<number, WrittenKey[]>()
  const entries = shown.map((row): EntryPlace => {
    const segment = row.segment as number
    if (!keys.has(segment))
      keys.set(
        segment,
        keysOf.all(segment, (found.session as string | null) ?? '') as unknown as WrittenKey[],
      )
    return {
      seq: row.seq as number,
      phase: row.phase as string,
      time: row.time as number,
      hash: row.hash as Uint8Array,
      segment,
      offset: row.offset as number,
      bodies: row.bodies === null ? [] : (JSON.parse(row.bodies as string) as EntryPlace['bodies']),
      keys: keys.get(segment)!,
    }
  })
  return { row: rowOf(found), policyDigest: found.policy as string | null, entries, more }
}
