import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

export interface Lock {
  release(): void
}

const RETRY = 40

/**
 * A lock between processes: an exclusive transaction on an empty SQLite file. The operating system lets go of it
 * when its holder dies, so there is no stale lock to judge, on any platform. Undefined when `wait` milliseconds
 * did not suffice.
 */
export async function acquireLock(path: string, wait: number): Promise<Lock | undefined> {
  const { DatabaseSync } = await import('node:sqlite')
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const until = Date.now() + wait
  for (;;) {
    const database = new DatabaseSync(path)
    try {
      database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
      return { release: () => database.close() }
    } catch (error) {
      database.close()
      if (!isBusy(error)) throw error
    }
    if (Date.now() >= until) return undefined
    await new Promise(resolve => setTimeout(resolve, RETRY))
  }
}

/** SQLITE_BUSY, and SQLITE_LOCKED from within one process; extended codes carry them in the low byte. */
function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode
  return typeof code === 'number' && ((code & 0xff) === 5 || (code & 0xff) === 6)
}
