import { closing } from '../../../postgres/closing.ts'
import { openPool } from '../../../postgres/connect.ts'
import { plainError } from '../../../postgres/failure.ts'
import { migrate, quoted } from '../../../postgres/migrate.ts'
import type { PostgresSettings } from '../../../postgres/settings.ts'
import type { IndexEngine } from '../engine.ts'
import { factsOf } from '../entry-facts.ts'
import { callKey, makeBatch } from './batch.ts'
import { placesOf } from './places.ts'
import { steps } from './schema.ts'
import { maskedStatement, searchStatement, toRow } from './search.ts'
import { writeStatement } from './write.ts'

/** A rebuild writes bundles of long bodies; a search of rare words may read much. Nobody's call waits for either. */
const LIMITS = { connect: 5_000, statement: 60_000 }

/** The index of several gateways. Each writes the part of its own log, and all read all. */
export async function openPostgresEngine(settings: PostgresSettings, origin: string): Promise<IndexEngine> {
  const pool = openPool(settings, 'index', { max: 3, limits: LIMITS, synchronous: 'off' })
  const s = quoted(settings.schema)
  try {
    const client = await pool.connect()
    try {
      await migrate(client, settings.schema, 'index', steps)
      client.release()
    } catch (error) {
      client.release(true)
      throw error
    }
    await query(`INSERT INTO ${s}.logs (origin, next) VALUES ($1, 0) ON CONFLICT DO NOTHING`, [origin])
  } catch (error) {
    await pool.end().catch(() => {})
    throw plainError(error)
  }
  const found = await query(`SELECT log, next FROM ${s}.logs WHERE origin = $1`, [origin])
  const log = found[0]!.log as number
  let next = Number(found[0]!.next)

  // biome-ignore lint/suspicious/noExplicitAny: rows have the columns of the statement beside it.
  async function query(text: string, values: unknown[], name?: string): Promise<any[]> {
    try {
      return (await pool.query({ text, values, ...(name === undefined ? {} : { name }) })).rows
    } catch (error) {
      throw plainError(error)
    }
  }

  return {
    get next() {
      return next
    },
    async apply(entries) {
      const facts = entries.map((entry, at) => factsOf(next + at, entry))
      const known = await query(
        `SELECT call, kind, seq FROM ${s}.calls WHERE log = $1 AND call = ANY($2::text[])`,
        [log, [...new Set(facts.map(one => one.leaf.call))]],
        'known',
      )
      const rows = new Map(known.map(row => [callKey(row.call, row.kind), Number(row.seq)]))
      const { completed, ...batch } = makeBatch(facts, rows)
      const written = await query(
        writeStatement(s),
        [log, next, next + entries.length, JSON.stringify(batch)],
        'write',
      )
      // Another process writes for the same log: what is here is not trusted, and begins again where that one is.
      if (written[0]?.taken !== '1') throw new Error('another process writes to the index of this log')
      next += entries.length
      return completed
    },
    async search(asked, among) {
      const { text, values, limit } = searchStatement(s, asked, among === undefined ? null : { log, among })
      const rows = await query(text, values)
      const items = rows.slice(0, limit).map(row => toRow(row))
      const last = rows[limit - 1]
      return rows.length > limit ? { items, next: `${last.time}.${last.log}.${last.seq}` } : { items }
    },
    async masked(asked) {
      const { text, values } = maskedStatement(s, asked)
      const rows = await query(text, values)
      return rows.map(row => ({ ...row, values: Number(row.values), calls: Number(row.calls) }))
    },
    find: call => placesOf(query, s, call, { log, origin }),
    async empty() {
      // Chunks: a large log's rows in one statement would run into its time limit.
      await query(`UPDATE ${s}.logs SET next = 0 WHERE log = $1`, [log])
      for (const table of ['words', 'masks', 'fingerprints', 'keys', 'entries', 'calls']) {
        for (;;) {
          const gone = await query(
            `WITH gone AS (DELETE FROM ${s}.${table} WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM ${s}.${table} WHERE log = $1 LIMIT 20000)) RETURNING 1) SELECT count(*) AS n FROM gone`,
            [log],
          )
          if (gone[0].n === '0') break
        }
      }
      next = 0
    },
    close: () => closing(pool.end()),
  }
}
