import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Refusal } from '../../errors/refusal.ts'
import type { PostgresSettings } from '../../postgres/settings.ts'
import type { Files } from '../files/files.ts'
import type { EpochKeys } from '../keys/epochs.ts'
import type { DurableBatch, DurableEntry, PublishedCheckpoint } from '../log/contract.ts'
import type { AuditIndex, AuditPage, IndexStatus, MaskCount } from '../search/contract.ts'
import { rowQueue } from '../search/row-queue.ts'
import { showCall } from '../search/show.ts'
import type { CallPlaces, FromWorker, ToWorker, WorkerStart } from './messages.ts'
import { packBatch } from './pack.ts'

/** What the index needs of the log: an open log, or a stopped one as `rebuildIndex` shows it. */
export interface IndexedLog {
  readonly dataDir: string
  readonly origin: string
  readonly files: Files
  readonly epochs: EpochKeys
  readonly size: number
  readonly checkpoint: PublishedCheckpoint
  flush(): Promise<void>
  onDurable(listener: (batch: DurableBatch) => void): () => void
  onCheckpoint(listener: (checkpoint: PublishedCheckpoint) => void): () => void
}

export interface IndexOptions {
  /** Default `index.sqlite` in the log's directory. Holds heads and shown bodies in the clear; mode 0600. */
  readonly databaseFile?: string
  /** Keep it there instead, beside those of other logs. */
  readonly postgres?: PostgresSettings
  /** Milliseconds before a failed index is started again. Default 5000. */
  readonly restartAfter?: number
  /** Bytes of batches the worker may be behind before the rest is left to be read from disk. Default 32 MiB. */
  readonly backlogBytes?: number
}

/** Milliseconds that durable entries wait for company on their way to the index. */
const GATHER = 15

/**
 * Search over the log. It is derived: it starts where it stopped, catches up from the log, is made anew when its
 * file is worth nothing, and whatever happens to it, appends neither wait nor fail.
 */
export function openAuditIndex(log: IndexedLog, options: IndexOptions = {}): AuditIndex {
  const databaseFile = options.databaseFile ?? join(log.dataDir, 'index.sqlite')
  const postgres = options.postgres ?? null
  const start: WorkerStart = { dataDir: log.dataDir, databaseFile, origin: log.origin, postgres }
  const backlogLimit = options.backlogBytes ?? 32 * 1024 * 1024
  let worker: Worker | null = null
  let next = 0
  let backlog = 0
  let gathered: DurableEntry[] = []
  let gathering: NodeJS.Timeout | null = null
  let failure: string | null = null
  let closing = false
  let restart: NodeJS.Timeout | null = null
  let serial = 0
  const requests = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  const tails = new Map<number, ReturnType<typeof rowQueue>>()
  const waiters: { size: number; resolve: () => void; reject: (error: Error) => void }[] = []

  function startWorker(): void {
    restart = null
    backlog = 0
    const started = new Worker(new URL('./index-worker.ts', import.meta.url), {
      workerData: start,
      name: 'audit-index',
    })
    worker = started
    started.on('message', (message: FromWorker) => hear(started, message))
    started.on('error', (error: Error) => failed(started, error.message, isCorrupt(error)))
    started.on('exit', () => failed(started, 'the index thread ended', false))
    const { size, note } = log.checkpoint
    tell({ op: 'published', size, note })
  }

  function tell(message: ToWorker): void {
    sendGathered() // whoever asks sees what was durable when he asked
    worker?.postMessage(message)
  }

  /** To wake a thread costs more than to apply an entry, so durable batches go together, a moment later. */
  function gather(batch: DurableBatch): void {
    gathered.push(...batch.entries)
    gathering ??= setTimeout(sendGathered, GATHER).unref()
  }

  function sendGathered(): void {
    if (gathering !== null) clearTimeout(gathering)
    gathering = null
    if (gathered.length === 0) return
    const entries = gathered
    gathered = []
    const first = entries[0]!.index
    const packed = packBatch({ first, entries })
    backlog += packed.byteLength
    worker?.postMessage({ op: 'batch', first, packed } satisfies ToWorker, [packed])
  }

  function hear(from: Worker, message: FromWorker): void {
    if (from !== worker) return
    switch (message.op) {
      case 'applied':
        failure = null
        next = message.next
        backlog -= message.bytes
        for (const waiter of waiters.splice(0)) {
          if (waiter.size <= next) waiter.resolve()
          else waiters.push(waiter)
        }
        break
      case 'epoch':
        log.epochs.find(message.id).then(
          found => tell({ op: 'epoch', id: message.id, key: found?.key ?? null }),
          error => tell({ op: 'epoch', id: message.id, key: null, error: (error as Error).message }),
        )
        break
      case 'answer': {
        const request = requests.get(message.request)
        requests.delete(message.request)
        if (message.error !== undefined) request?.reject(new Error(message.error))
        else request?.resolve(message.result)
        break
      }
      case 'rows':
        tails.get(message.tail)?.push(message.rows)
        break
      case 'failed':
        failed(from, message.error, message.corrupt)
    }
  }

  function failed(from: Worker, error: string, corrupt: boolean): void {
    if (from !== worker) return
    worker = null
    gathered = [] // the next one reads them from disk
    failure = error
    for (const { reject } of requests.values()) reject(unavailable())
    requests.clear()
    for (const { reject } of waiters.splice(0)) reject(new Error(`the search index failed: ${error}`))
    for (const queue of tails.values()) queue.end(unavailable())
    if (closing) return
    const gone = corrupt
      ? Promise.all(['', '-wal', '-shm'].map(end => rm(`${databaseFile}${end}`, { force: true })))
      : null
    Promise.resolve(gone).finally(() => {
      if (closing) return
      restart = setTimeout(startWorker, corrupt ? 0 : (options.restartAfter ?? 5000))
      restart.unref()
    })
    from.terminate()
  }

  function unavailable(): Refusal {
    return new Refusal('internal', {
      check: 'audit-index',
      detail: 'the search index is not available at the moment',
    })
  }

  function ask<T>(make: (request: number) => ToWorker): Promise<T> {
    if (worker === null) return Promise.reject(unavailable())
    serial += 1
    const request = serial
    return new Promise((resolve, reject) => {
      requests.set(request, { resolve: resolve as (result: unknown) => void, reject })
      tell(make(request))
    })
  }

  const stops = [
    log.onDurable(batch => {
      // Past the limit nothing is sent: the worker reads what it misses from disk.
      if (worker !== null && backlog <= backlogLimit) gather(batch)
      // A gap would otherwise be sent as if it were none.
      else sendGathered()
    }),
    log.onCheckpoint(({ size, note }) => tell({ op: 'published', size, note })),
  ]
  startWorker()

  function status(): IndexStatus {
    const lag = Math.max(0, log.size - next)
    if (failure !== null) return { state: 'failed', lag, error: failure }
    return { state: lag > 1000 ? 'catching-up' : 'ready', lag }
  }

  return {
    status,
    search: query => ask<AuditPage>(request => ({ op: 'search', request, query })),
    async places(call) {
      const places = await ask<CallPlaces | null>(request => ({ op: 'show', request, call }))
      return places ?? undefined
    },
    masked: query => ask<readonly MaskCount[]>(request => ({ op: 'masked', request, query })),
    async show(call) {
      const places = await ask<CallPlaces | null>(request => ({ op: 'show', request, call }))
      if (places === null) return undefined
      await log.flush()
      return showCall(log, places)
    },
    tail(query, signal) {
      serial += 1
      const tail = serial
      const queue = rowQueue(signal, () => {
        tails.delete(tail)
        tell({ op: 'untail', tail })
      })
      if (worker === null) queue.end(unavailable())
      tails.set(tail, queue)
      tell({ op: 'tail', tail, query })
      return queue.rows
    },
    caughtUp(size) {
      if (next >= size) return Promise.resolve()
      sendGathered()
      return new Promise((resolve, reject) => waiters.push({ size, resolve, reject }))
    },
    async rebuild() {
      const size = log.size
      await ask(request => ({ op: 'rebuild', request }))
      if (next < size) {
        await new Promise<void>((resolve, reject) => waiters.push({ size, resolve, reject }))
      }
    },
    async close() {
      closing = true
      for (const stop of stops) stop()
      if (restart !== null) clearTimeout(restart)
      for (const queue of tails.values()) queue.end(null)
      const ending = worker
      if (ending === null) return
      await new Promise<void>(resolve => {
        ending.once('exit', () => resolve())
        tell({ op: 'close' })
      })
    },
  }
}

function isCorrupt(error: unknown): boolean {
  const { errcode } = error as { errcode?: number }
  return errcode === 11 || errcode === 26
}
