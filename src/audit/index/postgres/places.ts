import type { WrittenKey } from '../../log/contract.ts'
import { ENTRIES_SHOWN } from '../../search/limits.ts'
import type { CallPlaces, EntryPlace } from '../messages.ts'
import { toRow } from './search.ts'

// biome-ignore lint/suspicious/noExplicitAny: rows have the columns of the statement beside it.
type Query = (text: string, values: unknown[]) => Promise<any[]>

/** As `findCall` for SQLite; a call of this gateway's own log before the same one of another's. */
export async function placesOf(
  query: Query,
  s: string,
  call: string,
  own: { readonly log: number; readonly origin: string },
): Promise<CallPlaces | null> {
  if (call.includes('\u0000') || !call.isWellFormed()) return null
  const [found] = await query(
    `SELECT c.*, l.origin FROM ${s}.calls c JOIN ${s}.logs l USING (log) WHERE c.call = $1
     ORDER BY c.log = $2 DESC, c.kind = 'k8s.request' DESC, c.seq LIMIT 1`,
    [call, own.log],
  )
  if (found === undefined) return null
  const { log } = found
  const rows = await query(`SELECT * FROM ${s}.entries WHERE log = $1 AND "row" = $2 ORDER BY seq LIMIT $3`, [
    log,
    found.seq,
    ENTRIES_SHOWN + 1,
  ])
  const more = rows.length > ENTRIES_SHOWN
  const shown = rows.slice(0, ENTRIES_SHOWN)
  if (more) {
    shown.push(
      ...(await query(
        `SELECT * FROM ${s}.entries WHERE log = $1 AND "row" = $2 AND phase = 'outcome' ORDER BY seq DESC LIMIT 1`,
        [log, found.seq],
      )),
    )
  }
  const keyRows = await query(
    `SELECT segment, kid, place FROM ${s}.keys WHERE log = $1 AND session = $2 AND segment = ANY($3::bigint[])`,
    [log, found.session ?? '', [...new Set(shown.map(row => row.segment))]],
  )
  const keys = new Map<string, WrittenKey[]>()
  for (const { segment, kid, place } of keyRows) {
    keys.set(segment, [...(keys.get(segment) ?? []), { kid, offset: Number(place) }])
  }
  const entries = shown.map(
    (row): EntryPlace => ({
      seq: Number(row.seq),
      phase: row.phase,
      time: Number(row.time),
      hash: row.hash,
      segment: Number(row.segment),
      offset: Number(row.place),
      bodies: row.bodies === null ? [] : (JSON.parse(row.bodies) as EntryPlace['bodies']),
      keys: keys.get(row.segment) ?? [],
    }),
  )
  return {
    row: toRow(found),
    policyDigest: found.policy,
    entries,
    more,
    ...(log === own.log ? {} : { elsewhere: found.origin as string }),
  }
}
