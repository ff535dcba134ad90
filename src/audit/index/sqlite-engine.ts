import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { findCall } from '../search/places.ts'
import { countMasked, searchCalls } from '../search/sql.ts'
import { openApplier } from './apply.ts'
import type { IndexEngine } from './engine.ts'
import { emptyIndex, prepareSchema } from './schema.ts'

/**
 * Milliseconds that a transaction stays open, and entries that it takes. FTS5 writes a piece of its tree per
 * transaction and merges pieces later, so a transaction per batch costs several times as much. Searches read on the same
 * connection and see what is not committed yet; what a crash loses comes again from the log, since `next` is lost with it.
 */
const OPEN_FOR = 250
const MOST_ENTRIES = 4_000

/** The embedded index: one file beside the log. */
export function openSqliteEngine(file: string, origin: string): IndexEngine {
  // It holds heads in the clear: made private before SQLite would make it readable.
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file, { timeout: 5000 })
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 4000',
  )
  let next = prepareSchema(database, origin)
  let applier = openApplier(database)
  let open = 0
  let timer: NodeJS.Timeout | undefined

  function commit(): void {
    clearTimeout(timer)
    timer = undefined
    open = 0
    if (database.isTransaction) database.exec('COMMIT')
  }

  return {
    get next() {
      return next
    },
    async apply(entries) {
      if (!database.isTransaction) {
        database.exec('BEGIN')
        // A failure ends the thread, and with it the index until it is opened again.
        timer = setTimeout(commit, OPEN_FOR)
      }
      try {
        const completed = applier.apply(next, entries)
        next += entries.length
        open += entries.length
        if (open >= MOST_ENTRIES) commit()
        return completed
      } catch (error) {
        clearTimeout(timer)
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    search: async (query, among) => searchCalls(database, query, among),
    masked: async query => countMasked(database, query),
    find: async call => findCall(database, call),
    async empty() {
      commit()
      next = emptyIndex(database, origin)
      applier = openApplier(database)
    },
    async close() {
      try {
        commit()
      } finally {
        database.close()
      }
    },
  }
}
