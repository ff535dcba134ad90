import { parentPort, workerData } from 'node:worker_threads'
import type { EpochKey } from '../keys/epochs.ts'
import type { AuditPage, AuditQuery, MaskCount } from '../search/contract.ts'
import { SEARCH_LIMIT } from '../search/limits.ts'
import { catchUpFrom } from './catch-up.ts'
import type { IndexEngine } from './engine.ts'
import type { CallPlaces, FromWorker, ToWorker, WorkerStart } from './messages.ts'
import { type PackedEntry, unpackBatch } from './pack.ts'
import { openSqliteEngine } from './sqlite-engine.ts'

/**
 * The search index: SQLite blocks, and words cost time, so it lives in a thread of its own. It takes batches as they
 * become durable, and fills every gap (a start, an overflow, a rebuild) from the log on disk. It holds no key of its own.
 */
const port = parentPort!
const start = workerData as WorkerStart
const send = (message: FromWorker): void => port.postMessage(message)

/** Bytes of live batches that are taken in one go. */
const TOGETHER = 4 * 1024 * 1024

let published = 0
let busy = false
let closed = false
/** Rebuilds that were asked for; done between two batches. */
const rebuilds: number[] = []
/** Resolves when nothing is being taken. */
let working: Promise<void> = Promise.resolve()
const held: { first: number; packed: ArrayBuffer }[] = []
const tails = new Map<number, AuditQuery>()
const epochs = new Map<string, { resolve: (key: EpochKey | null) => void; reject: (error: Error) => void }>()

const engine = await openEngine()
send({ op: 'applied', next: engine.next, bytes: 0 })

async function openEngine(): Promise<IndexEngine> {
  if (start.postgres === null) return openSqliteEngine(start.databaseFile, start.origin)
  const { openPostgresEngine } = await import('./postgres/postgres-engine.ts')
  return openPostgresEngine(start.postgres, start.origin)
}

function wake(): void {
  if (!busy) working = work().catch(failed)
}

/** Everything that waits, in order; one run at a time, and none that ends while there is work. */
async function work(): Promise<void> {
  busy = true
  try {
    while (!closed) {
      const batch = held[0]
      const rebuild = rebuilds.shift()
      if (rebuild !== undefined) await startAnew(rebuild)
      else if (batch !== undefined && batch.first <= engine.next) await takeHeld()
      else if (engine.next < Math.min(published, batch?.first ?? published)) {
        await fill(Math.min(published, batch?.first ?? published))
      } else break
    }
  } finally {
    busy = false
  }
}

/** What follows without a gap goes together, as far as it does not get large. */
async function takeHeld(): Promise<void> {
  const { first } = held[0]!
  const entries: PackedEntry[] = []
  let bytes = 0
  for (;;) {
    const batch = held[0]
    if (batch === undefined || batch.first !== first + entries.length) break
    if (entries.length > 0 && bytes + batch.packed.byteLength > TOGETHER) break
    held.shift()
    entries.push(...unpackBatch(batch.packed))
    bytes += batch.packed.byteLength
  }
  await take(first, entries, bytes)
}

async function startAnew(request: number): Promise<void> {
  await answer(request, async () => {
    await engine.empty()
    send({ op: 'applied', next: engine.next, bytes: 0 })
    return null
  })
}

async function fill(size: number): Promise<void> {
  const source = catchUpFrom(start.dataDir, start.origin, findEpoch)
  try {
    while (engine.next < size && !closed && rebuilds.length === 0) {
      const from = engine.next
      const entries = await source.read(from, size)
      if (entries.length === 0) throw new Error(`entry ${from} cannot be read from the log`)
      await take(from, entries, 0)
    }
  } finally {
    await source.close()
  }
}

async function take(first: number, entries: readonly PackedEntry[], bytes: number): Promise<void> {
  const fresh = entries.slice(Math.max(0, engine.next - first))
  if (fresh.length > 0) {
    const completed = await engine.apply(fresh)
    for (const [tail, query] of tails) await tellTail(tail, query, completed)
  }
  send({ op: 'applied', next: engine.next, bytes })
}

async function tellTail(tail: number, query: AuditQuery, completed: readonly number[]): Promise<void> {
  for (let at = 0; at < completed.length; at += SEARCH_LIMIT) {
    const among = completed.slice(at, at + SEARCH_LIMIT)
    const { items } = await engine.search({ ...query, limit: SEARCH_LIMIT }, among)
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
  working
    .then(() => engine.close())
    .catch(() => {})
    .finally(() => port.close())
}

async function answer(
  request: number,
  make: () => Promise<AuditPage | CallPlaces | readonly MaskCount[] | null>,
): Promise<void> {
  try {
    send({ op: 'answer', request, result: await make() })
  } catch (error) {
    send({ op: 'answer', request, error: error instanceof Error ? error.message : String(error) })
  }
}

port.on('message', (message: ToWorker) => {
  switch (message.op) {
    case 'batch':
      held.push(message)
      wake()
      break
    case 'published':
      published = message.size
      wake()
      break
    case 'epoch': {
      const waiting = epochs.get(message.id)
      epochs.delete(message.id)
      if (message.error !== undefined) waiting?.reject(new Error(message.error))
      else waiting?.resolve(message.key === null ? null : { id: message.id, key: Buffer.from(message.key) })
      break
    }
    case 'search':
      answer(message.request, () => engine.search(message.query))
      break
    case 'masked':
      answer(message.request, () => engine.masked(message.query))
      break
    case 'show':
      answer(message.request, () => engine.find(message.call))
      break
    case 'tail':
      tails.set(message.tail, message.query)
      break
    case 'untail':
      tails.delete(message.tail)
      break
    case 'rebuild':
      rebuilds.push(message.request)
      wake()
      break
    case 'close':
      close()
  }
})
