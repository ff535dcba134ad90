import type { AuditQuery, AuditRow, MaskReportQuery } from '../../search/contract.ts'
import { CORE_GROUP, equalities } from '../../search/equalities.ts'
import { SEARCH_LIMIT } from '../../search/limits.ts'
import { rowOf } from '../../search/row.ts'
import { comparable } from './batch.ts'
import { wordsQuery } from './words.ts'

export interface Statement {
  readonly text: string
  readonly values: unknown[]
  readonly limit: number
}

/** Newest first over all logs. Times of one log never go back, so each log's rows come in its own order. */
export function searchStatement(
  s: string,
  query: AuditQuery,
  only: { readonly log: number; readonly among: readonly number[] } | null,
): Statement {
  const limit = Math.min(Math.max(1, Math.floor(query.limit)), SEARCH_LIMIT)
  const { where, values, value } = conditions(s, query)
  if (only !== null) where.push(`log = ${value(only.log)} AND seq = ANY(${value(only.among)}::bigint[])`)
  const text = `SELECT log, seq, call, kind, time, session, effect, complete, head, ending
    FROM ${s}.calls ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
    ORDER BY time DESC, log DESC, seq DESC LIMIT ${value(limit + 1)}`
  return { text, values, limit }
}

export function toRow(row: Record<string, unknown>): AuditRow {
  return rowOf({ ...row, seq: Number(row.seq), time: Number(row.time), complete: row.complete ? 1 : 0 })
}

export function maskedStatement(s: string, query: MaskReportQuery): Omit<Statement, 'limit'> {
  const { maskedBy, ...rest } = query
  const { where, values, value } = conditions(s, { ...rest, limit: 1 })
  if (maskedBy !== undefined) where.push(`rule = ${value(maskedBy)}`)
  const text = `SELECT rule, connection, namespace, resource, sum(count)::bigint AS "values", count(*) AS calls
    FROM ${s}.masks m JOIN ${s}.calls c ON c.log = m.log AND c.seq = m."row"
    ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
    GROUP BY rule, connection, namespace, resource ORDER BY "values" DESC, rule, connection, namespace, resource
    LIMIT ${value(SEARCH_LIMIT)}`
  return { text, values }
}

function conditions(s: string, query: AuditQuery) {
  const where: string[] = []
  const values: unknown[] = []
  const value = (one: unknown) => {
    values.push(one)
    return `$${values.length}`
  }
  const equal = (column: string, one: string | undefined) => {
    if (one !== undefined) where.push(`${column} = ${value(comparable(one))}`)
  }
  if (query.after !== undefined) {
    const mark = /^(\d{1,15})\.(\d{1,9})\.(\d{1,15})$/.exec(query.after)
    if (mark === null) throw new RangeError('the page mark is malformed')
    const [time, log, seq] = mark.slice(1).map(Number)
    where.push(`(time, log, seq) < (${value(time)}, ${value(log)}, ${value(seq)})`)
  }
  for (const [column, one] of equalities(query)) equal(column, one)
  if (query.group === '') where.push(CORE_GROUP)
  if (query.code !== undefined) where.push(`code = ${value(query.code)}`)
  if (query.rule !== undefined) {
    where.push(
      `strpos(rules, ${value(`\n${query.rule.replaceAll('\u0000', '\ufffd').toWellFormed()}\n`)}) > 0`,
    )
  }
  if (query.maskedBy !== undefined) {
    where.push(
      `(log, seq) IN (SELECT m.log, m."row" FROM ${s}.masks m WHERE m.rule = ${value(query.maskedBy)})`,
    )
  }
  if (query.fingerprint !== undefined) {
    where.push(
      `(log, seq) IN (SELECT f.log, f."row" FROM ${s}.fingerprints f WHERE f.fingerprint = ${value(query.fingerprint)})`,
    )
  }
  if (query.since !== undefined) where.push(`time >= ${value(Math.ceil(query.since))}`)
  if (query.until !== undefined) where.push(`time < ${value(Math.ceil(query.until))}`)
  const words = query.text === undefined ? null : wordsQuery(query.text)
  if (words !== null) {
    const phrases = words.phrases.map(phrase => ` AND strpos(w.text, ${value(phrase)}) > 0`)
    where.push(
      `(log, seq) IN (SELECT w.log, w."row" FROM ${s}.words w WHERE w.lexemes @@ ${value(words.vector)}::tsquery${phrases.join('')})`,
    )
  }
  return { where, values, value }
}
