import type { Head } from '../entry.ts'
import type { AuditRow } from './contract.ts'

/** From the columns of a call; `head` and `ending` are JSON. */
export function rowOf(row: Record<string, unknown>): AuditRow {
  const part = (text: unknown) => (typeof text === 'string' ? (JSON.parse(text) as Head) : {})
  return {
    call: row.call as string,
    kind: row.kind as AuditRow['kind'],
    time: row.time as number,
    session: row.session as string | null,
    effect: row.effect as AuditRow['effect'],
    complete: row.complete === 1,
    head: { ...part(row.head), ...part(row.ending) },
    index: row.seq as number,
  }
}
