import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { migrations } from './migrations.ts'

/** `SALY`, in the header of every state file: another program's database is never written to. */
const APPLICATION_ID = 0x53414c59

/**
 * Opens (and creates, mode 0600) the state file, durable on each commit, and brings its schema to the newest
 * version. Throws when the file is not ours or was written by a newer Sallyport.
 */
export function openDatabase(file: string, steps: readonly string[] = migrations): DatabaseSync {
  if (file !== ':memory:') {
    closeSync(openSync(file, 'a', 0o600))
    // Also when it was there before: it holds digests of credentials. SQLite gives -wal and -shm the same mode.
    if (process.platform !== 'win32') chmodSync(file, 0o600)
  }
  const db = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 5_000 })
  try {
    db.exec('PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
    migrate(db, file, steps)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function migrate(db: DatabaseSync, file: string, steps: readonly string[]): void {
  // One writer at a time: two processes that open a new file together must not both run a step.
  db.exec('BEGIN IMMEDIATE')
  try {
    const version = pragma(db, 'user_version')
    const id = pragma(db, 'application_id')
    const empty = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n === 0
    if (id !== APPLICATION_ID && !(id === 0 && version === 0 && empty)) {
      throw new Error(`${file} is not a Sallyport state file`)
    }
    if (version > steps.length) {
      throw new Error(
        `${file} has schema version ${version}, this Sallyport knows ${steps.length}: use a newer one`,
      )
    }
    for (const step of steps.slice(version)) db.exec(step)
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length};`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
}
