import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { EpochKey } from '../keys/epochs.ts'
import type { AuditQuery } from '../search/contract.ts'
import { findCall } from '../search/places.ts'
import { SEARCH_LIMIT, searchCalls } from '../search/sql.ts'
import { openApplier } from './apply.ts'
import { catchUpFrom } from './catch-up.ts'
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts'
import { type PackedEntry, unpackBatch } from './pack.ts'
import { emptyIndex, prepareSchema } from './schema.ts'

/**
 * The search index: SQLite blocks, so it lives in a thread of its own. It takes batches as they become durable, and
 * fills every gap (a start, an overflow, a rebuild) from the log on disk. It holds no key of its own.
 */
const port = parentPort!
const start = workerData as WorkerStart
const send = (message: FromWorker): void => port.postMessage(message)

let published = 0
let busy = false
let closed = false
/** Counts rebuilds, so that a reader of the old state stops. */
let generation = 0
const held: { first: number; packed: ArrayBuffer }[] = []
const tails = new Map<number, AuditQuery>()
const epochs = new Map<string, { resolve: (key: EpochKey | null) => void; reject: (error: Error) => void }>()

// It holds heads in the clear: made private before SQLite would make it readable.
closeSync(openSync(start.databaseFile, 'a', 0o600))
const database = new DatabaseSync(start.databaseFile, { timeout: 5000 })
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000')
let next = prepareSchema(database, start.origin)
let applier = openApplier(database)
send({ op: 'applied', next, bytes: 0 })

/** Everything that waits, in order; one run at a time, and none that ends while there is work. */
async function work(): Promise<void> {
  if (busy) return
  busy = true
  try {
    for (;;) {
      const batch = held[0]
      if (closed) break
      if (batch !== undefined && batch.first <= next) {
        held.shift()
        take(batch.first, unpackBatch(batch.packed), batch.packed.byteLength)
      } else if (next < Math.min(published, batch?.first ?? published)) {
        await fill(Math.min(published, batch?.first ?? published))
      } else break
    }
  } finally {
    busy = false
  }
}

async function fill(size: number): Promise<void> {
  const begun = generation
  const source = catchUpFrom(start.dataDir, start.origin, findEpoch)
  try {
    while (next < size && !closed) {
      const entries = await source.read(next, size)
      if (begun !== generation) return
      if (entries.length === 0) throw new Error(`entry ${next} cannot be read from the log`)
      take(next, entries, 0)
    }
  } finally {
    await source.close()
  }
}

function take(first: number, entries: readonly PackedEntry[], bytes: number): void {
  const fresh = entries.slice(Math.max(0, next - first))
  if (fresh.length > 0) {
    const completed = applier.apply(next, fresh)
    next += fresh.length
    for (const [tail, query] of tails) tellTail(tail, query, completed)
  }
  send({ op: 'applied', next, bytes })
}

function tellTail(tail: number, query: AuditQuery, completed: readonly number[]): void {
  for (let at = 0; at < completed.length; at += SEARCH_LIMIT) {
    const among = completed.slice(at, at + SEARCH_LIMIT)
    const { items } = searchCalls(database, { ...query, limit: SEARCH_LIMIT }, among)
    if (items.length > 0) send({ op: 'rows', tail, rows: items.toReversed() })
  }
}

function findEpoch(id: string): Promise<EpochKey | null> {
  return new Promise((resolve, reject) => {
    epochs.set(id, { resolve, reject })
    send({ op: 'epoch', id })
  })
}

function failed(error: unknown): void {
  const { errcode } = error as { errcode?: number }
  // SQLITE_CORRUPT, SQLITE_NOTADB: the file is worth nothing, and the log can make a new one.
  const corrupt = errcode === 11 || errcode === 26
  send({ op: 'failed', error: error instanceof Error ? error.message : String(error), corrupt })
  close()
}

function close(): void {
  if (closed) return
  closed = true
  database.close()
  port.close()
}

function answer(
  request: number,
  make: () => ReturnType<typeof searchCalls> | ReturnType<typeof findCall>,
): void {
  try {
    send({ op: 'answer', request, result: make() })
  } catch (error) {
    send({ op: 'answer', request, error: error instanceof Error ? error.message : String(error) })
  }
}

port.on('message', (message: ToWorker) => {
  switch (message.op) {
    case 'batch':
      held.push(message)
      work().catch(failed)
      break
    case 'published':
      published = message.size
      work().catch(failed)
      break
    case 'epoch': {
      const waiting = epochs.get(message.id)
      epochs.delete(message.id)
      if (message.error !== undefined) waiting?.reject(new Error(message.error))
      else waiting?.resolve(message.key === null ? null : { id: message.id, key: Buffer.from(message.key) })
      break
    }
    case 'search':
      answer(message.request, () => searchCalls(database, message.query))
      break
    case 'show':
      answer(message.request, () => findCall(database, message.call))
      break
    case 'tail':
      tails.set(message.tail, message.query)
      break
    case 'untail':
      tails.delete(message.tail)
      break
    case 'rebuild':
      answer(message.request, () => {
        generation += 1
        next = emptyIndex(database, start.origin)
        applier = openApplier(database)
        send({ op: 'applied', next, bytes: 0 })
        return null
      })
      work().catch(failed)
      break
    case 'close':
      close()
  }
})
