import { openPool, type PostgresLimits } from '../../postgres/connect.ts'
import { failureOf, plainError } from '../../postgres/failure.ts'
import type { PostgresSettings } from '../../postgres/settings.ts'
import type { RawChange } from '../messages.ts'
import { rawChanges } from '../prepare.ts'
import { type Change, StoreConflict, type Stored, StoreUnavailable } from '../store.ts'

export interface CommitLane {
  commit(changes: readonly Change[]): Promise<Stored[]>
  /** Waits for what is under way. */
  close(): Promise<void>
}

interface Waiting {
  readonly changes: readonly RawChange[]
  readonly bytes: number
  readonly resolve: (records: Stored[]) => void
  readonly reject: (error: Error) => void
}

const MOST_COMMITS = 512
const MOST_BYTES = 8 * 1_048_576

/**
 * One commit at a time on a connection of its own; what arrives meanwhile goes together in the next call, so that
 * concurrent commits share one round trip and one sync of the server's disk.
 */
export function openCommitLane(
  settings: PostgresSettings,
  limits: PostgresLimits | undefined,
  s: string,
  channel: string,
): CommitLane {
  const pool = openPool(settings, 'commit', { max: 1, limits })
  const statement = `SELECT change, version, revision FROM ${s}.commit_changes($1, $2, $3, $4, $5, $6)`
  const queue: Waiting[] = []
  let busy: Promise<void> | undefined
  let closed = false

  async function work(): Promise<void> {
    while (queue.length > 0) {
      const batch = nextBatch()
      try {
        await run(batch)
      } catch (error) {
        for (const one of batch) one.reject(error as Error)
        // The server is away: who waits behind is not made to find that out one after the other.
        if (error instanceof StoreUnavailable && !(error instanceof Refused)) {
          for (const one of queue.splice(0)) one.reject(new StoreUnavailable(NOT_SENT, error.cause, 'none'))
        }
      }
    }
    busy = undefined
  }

  function nextBatch(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const one of queue) {
      if (count > 0 && (count === MOST_COMMITS || bytes + one.bytes > MOST_BYTES)) break
      bytes += one.bytes
      count += 1
    }
    return queue.splice(0, count)
  }

  async function run(batch: readonly Waiting[]): Promise<void> {
    const changes = batch.flatMap((one, number) => one.changes.map(change => ({ ...change, number })))
    const client = await pool.connect().catch(error => {
      throw new StoreUnavailable(plainError(error).message, plainError(error), 'none')
    })
    let rows: Row[]
    try {
      const values = [
        changes.map(change => change.number),
        changes.map(change => change.kind),
        changes.map(change => change.key),
        changes.map(change => change.value),
        changes.map(change => change.version),
        channel,
      ]
      rows = (await client.query<Row>({ name: 'commit', text: statement, values })).rows
      client.release()
    } catch (error) {
      client.release(true)
      const { reason, refused } = failureOf(error)
      if (refused) throw new Refused(reason)
      throw new StoreUnavailable(`${reason}; whether the change was made is not known`, plainError(error))
    }
    settle(batch, changes, rows)
  }

  return {
    commit(given) {
      if (closed) return Promise.reject(new StoreUnavailable('it is closed', undefined, 'none'))
      return new Promise((resolve, reject) => {
        const changes = rawChanges(given)
        if (changes.length === 0) return resolve([])
        const bytes = changes.reduce((sum, change) => sum + (change.value?.length ?? 0) + 200, 0)
        queue.push({ changes, bytes, resolve, reject })
        // Not before all that this turn of the event loop wants to commit is there.
        busy ??= Promise.resolve().then(work)
      })
    },
    async close() {
      closed = true
      await busy
      await pool.end()
    },
  }
}

const NOT_SENT = 'the server did not answer those before; the change was not made'

/** The server answered, and nothing was done. */
class Refused extends StoreUnavailable {
  constructor(reason: string) {
    super(reason, undefined, 'none')
  }
}

interface Row {
  /** From 1, over all changes of the call. */
  readonly change: number
  /** Null: this one's precondition did not hold, and its commit was left out. */
  readonly version: string | null
  readonly revision: string | null
}

function settle(
  batch: readonly Waiting[],
  changes: readonly (RawChange & { readonly number: number })[],
  rows: readonly Row[],
): void {
  const records = batch.map((): Stored[] => [])
  const conflicts = new Map<number, RawChange>()
  for (const row of rows) {
    const change = changes[row.change - 1]!
    if (row.version === null) conflicts.set(change.number, change)
    else {
      const { kind, key, value } = change
      records[change.number]!.push({
        kind,
        key,
        value: value === null ? null : JSON.parse(value),
        version: Number(row.version),
        revision: Number(row.revision),
      })
    }
  }
  for (const [number, one] of batch.entries()) {
    const conflict = conflicts.get(number)
    if (conflict !== undefined) one.reject(new StoreConflict(conflict.kind, conflict.key))
    else one.resolve(records[number]!)
  }
}
