import { closing } from '../../postgres/closing.ts'
import { openPool, type PostgresLimits, type pg } from '../../postgres/connect.ts'
import { failureOf, plainError } from '../../postgres/failure.ts'
import { migrate, quoted } from '../../postgres/migrate.ts'
import { type PostgresSettings, shownSettings } from '../../postgres/settings.ts'
import { checkLimit, prefixEnd } from '../prepare.ts'
import { type StateStore, StoreCompacted, type Stored, StoreUnavailable } from '../store.ts'
import { openCommitLane } from './commit-lane.ts'
import { openListener } from './listener.ts'
import { migrations } from './migrations.ts'

export interface PostgresStoreOptions {
  readonly limits?: PostgresLimits
  /** Connections for reads; commits and LISTEN have one each of their own. Default 4. */
  readonly readers?: number
  /** The server could not be heard for a while, or can be again. Changes of others then come by polling. */
  readonly onListener?: (problem: string | null) => void
}

/** How long a deletion is remembered, in milliseconds. */
const REMEMBER_DELETIONS = 3_600_000

/**
 * The state store of several gateways: PostgreSQL 13 or newer. A commit resolves when the server has it on disk.
 * Rejects with StoreUnavailable when the server cannot be reached or used, or was written to by a newer Sallyport.
 * After that it opens connections as they are needed, so a restarted server is found again.
 */
export async function openPostgresStore(
  settings: PostgresSettings,
  options: PostgresStoreOptions = {},
): Promise<StateStore> {
  const { limits } = options
  const pool = openPool(settings, 'state', { max: options.readers ?? 4, limits })
  try {
    await prepare(pool, settings.schema)
  } catch (error) {
    await pool.end().catch(() => {})
    throw new StoreUnavailable(`${shownSettings(settings)}: ${plainError(error).message}`, plainError(error))
  }
  const s = quoted(settings.schema)
  const channel = `sallyport_${settings.schema}`
  const lane = openCommitLane(settings, limits, s, channel)
  const listener = openListener(settings, limits, channel, options.onListener ?? (() => {}))
  const forget = setInterval(() => {
    // What cannot be forgotten now can wait another hour.
    pool.query(`SELECT ${s}.forget_deletions($1)`, [REMEMBER_DELETIONS]).catch(() => {})
  }, REMEMBER_DELETIONS)
  forget.unref()
  let ended: Promise<void> | undefined

  /** Once more when the connection turns out to be gone: the server was restarted while it lay idle. */
  async function read(name: string, text: string, values: readonly unknown[]): Promise<Row[]> {
    for (let attempt = 1; ; attempt += 1) {
      if (ended !== undefined) throw new StoreUnavailable('it is closed')
      try {
        return (await pool.query<Row>({ name, text, values: [...values] })).rows
      } catch (error) {
        const { reason, refused } = failureOf(plainOrSame(error))
        if (refused || attempt === 2 || !/terminated|ECONNRESET|EPIPE|57P01/.test(reason)) {
          throw new StoreUnavailable(reason, plainError(error))
        }
      }
    }
  }

  return {
    async revision() {
      const rows = await read('revision', `SELECT revision FROM ${s}.counters`, [])
      return Number(rows[0]?.revision)
    },
    async get<T>(kind: string, key: string) {
      if (!isStorable(kind) || !isStorable(key)) return undefined
      const text = `SELECT ${COLUMNS} FROM ${s}.records WHERE kind = $1 AND key = $2 AND value IS NOT NULL`
      const rows = await read('get', text, [kind, key])
      return rows[0] === undefined ? undefined : stored<T>(rows[0])
    },
    async list<T>(kind: string, { prefix = '', after, limit }: ListOptions = {}) {
      const most = checkLimit(limit)
      if (!isStorable(kind) || !isStorable(prefix)) return []
      const text = `SELECT ${COLUMNS} FROM ${s}.records WHERE kind = $1 AND value IS NOT NULL AND key >= $2
        AND ($3::text IS NULL OR key > $3 COLLATE "C") AND ($4::text IS NULL OR key < $4 COLLATE "C")
        ORDER BY key LIMIT $5`
      const rows = await read('list', text, [kind, prefix, after ?? null, prefixEnd(prefix), most])
      return rows.map(row => stored<T>(row))
    },
    commit: changes => lane.commit(changes),
    async changesSince(revision, limit) {
      // One statement, one snapshot: what was forgotten and what is there belong together.
      const text = `SELECT c.compacted, r.* FROM ${s}.counters c LEFT JOIN LATERAL (
          SELECT ${COLUMNS} FROM ${s}.records WHERE revision > $1 ORDER BY revision LIMIT $2) r ON true
        ORDER BY r.revision`
      const rows = await read('changes', text, [revision, checkLimit(limit)])
      if (revision > 0 && revision < Number(rows[0]?.compacted)) throw new StoreCompacted()
      return rows.filter(row => row.key !== null).map(row => stored(row))
    },
    onChange: listener.onChange,
    close() {
      clearInterval(forget)
      ended ??= closing(Promise.all([lane.close(), listener.close(), pool.end()]))
      return ended
    },
  }
}

type ListOptions = { prefix?: string; after?: string; limit?: number }

const COLUMNS = 'kind, key, value, version, revision'

interface Row {
  readonly kind: string
  readonly key: string | null
  readonly value: string | null
  readonly version: string
  readonly revision: string
  readonly compacted?: string
}

async function prepare(pool: pg.Pool, schema: string): Promise<void> {
  const client = await pool.connect()
  try {
    await migrate(client, schema, 'store', migrations)
    await client.query(`SELECT ${quoted(schema)}.forget_deletions($1)`, [REMEMBER_DELETIONS])
    client.release()
  } catch (error) {
    client.release(true)
    throw error
  }
}

/** The first of several addresses' errors says as much as all of them. */
function plainOrSame(error: unknown): unknown {
  return error instanceof AggregateError ? error.errors[0] : error
}

/** U+0000 is in no key (`rawChanges` refuses it), and PostgreSQL does not even take it in a question. */
function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

function stored<T>(row: Row): Stored<T> {
  return {
    kind: row.kind,
    key: row.key!,
    value: (row.value === null ? null : JSON.parse(row.value)) as T,
    version: Number(row.version),
    revision: Number(row.revision),
  }
}
