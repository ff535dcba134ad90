import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { AuditPage, AuditQuery, MaskCount, MaskReportQuery } from './contract.ts'
import { CORE_GROUP, equalities } from './equalities.ts'
import { SEARCH_LIMIT } from './limits.ts'
import { rowOf } from './row.ts'

const COLUMNS = 'seq, call, kind, time, session, effect, complete, head, ending'

/** @param among Only these rows, by their first entry. */
export function searchCalls(database: DatabaseSync, query: AuditQuery, among?: readonly number[]): AuditPage {
  const limit = Math.min(Math.max(1, Math.floor(query.limit)), SEARCH_LIMIT)
  const { where, values } = conditions(query)
  if (among !== undefined) where.push(`seq IN (${among.map(Number).join(',')})`)
  const sql = `SELECT ${COLUMNS} FROM calls ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`} ORDER BY seq DESC LIMIT ?`
  const rows = database
    .prepare(sql)
    .all(...values, limit + 1)
    .map(rowOf)
  const items = rows.slice(0, limit)
  return rows.length > limit ? { items, next: String(items.at(-1)!.index) } : { items }
}

export function countMasked(database: DatabaseSync, query: MaskReportQuery): MaskCount[] {
  const { maskedBy, ...rest } = query
  const { where, values } = conditions({ ...rest, limit: 1 })
  if (maskedBy !== undefined) {
    where.push('rule = ?')
    values.push(maskedBy)
  }
  return database
    .prepare(
      `SELECT rule, connection, namespace, resource, sum(count) AS "values", count(*) AS calls
       FROM masks JOIN calls ON calls.seq = masks.row ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
       GROUP BY rule, connection, namespace, resource ORDER BY "values" DESC, rule, connection, namespace, resource
       LIMIT ?`,
    )
    .all(...values, SEARCH_LIMIT) as unknown as MaskCount[]
}

function conditions(query: AuditQuery): { where: string[]; values: SQLInputValue[] } {
  const where: string[] = []
  const values: SQLInputValue[] = []
  const equal = (column: string, value: string | number | undefined) => {
    if (value === undefined) return
    where.push(`${column} = ?`)
    values.push(value)
  }
  if (query.after !== undefined) {
    if (!/^\d{1,15}$/.test(query.after)) throw new RangeError('the page mark is malformed')
    where.push('seq < ?')
    values.push(Number(query.after))
  }
  for (const [column, one] of equalities(query)) equal(column, one)
  if (query.group === '') where.push(CORE_GROUP)
  equal('code', query.code)
  if (query.rule !== undefined) {
    where.push('instr(rules, ?) > 0')
    values.push(`\n${query.rule}\n`)
  }
  if (query.maskedBy !== undefined) {
    where.push('seq IN (SELECT row FROM masks WHERE rule = ?)')
    values.push(query.maskedBy)
  }
  if (query.fingerprint !== undefined) {
    where.push('seq IN (SELECT row FROM fingerprints WHERE fingerprint = ?)')
    values.push(query.fingerprint)
  }
  if (query.since !== undefined) {
    where.push('time >= ?')
    values.push(query.since)
  }
  if (query.until !== undefined) {
    where.push('time < ?')
    values.push(query.until)
  }
  const match = query.text === undefined ? '' : matchOf(query.text)
  if (match !== '') {
    where.push('seq IN (SELECT row FROM entries WHERE seq IN (SELECT rowid FROM words WHERE words MATCH ?))')
    values.push(match)
  }
  return { where, values }
}

/** Each word as a quoted phrase with an open end, so that nothing a person types is syntax of FTS5. */
function matchOf(text: string): string {
  return text
    .replaceAll('\u0000', ' ')
    .split(/\s+/)
    .filter(word => /[\p{L}\p{N}]/u.test(word))
    .map(word => `"${word.replaceAll('"', '""')}"*`)
    .join(' AND ')
}
