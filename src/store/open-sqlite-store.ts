import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Answer, Operation, RawChange, RawRecord } from './messages.ts'
import { checkLimit, prefixEnd, rawChanges } from './prepare.ts'
import { type StateStore, StoreCompacted, StoreConflict, type Stored, StoreUnavailable } from './store.ts'

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/**
 * The embedded state store: one SQLite file, in a worker thread because SQLite blocks. A commit resolves when it is
 * on disk (WAL, synchronous = FULL). `:memory:` keeps everything in memory, for tests.
 * Rejects with an Error when the file cannot be opened, is not ours, or was written by a newer Sallyport.
 */
export async function openSqliteStore(file: string): Promise<StateStore> {
  const worker = await startWorker(file)
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let gone: StoreUnavailable | undefined
  let closing: Promise<void> | undefined

  function fail(error: StoreUnavailable): void {
    gone ??= error
    for (const one of waiting.values()) one.reject(gone)
    waiting.clear()
  }
  worker.on('message', (answers: Answer[]) => {
    for (const answer of answers) {
      waiting.get(answer.id)?.resolve(answer)
      waiting.delete(answer.id)
    }
    // An idle store must not keep a process alive; an unanswered commit must.
    if (waiting.size === 0) worker.unref()
  })
  worker.on('error', error => fail(new StoreUnavailable('its worker failed', error)))
  worker.on('exit', () => fail(new StoreUnavailable('it is closed')))
  worker.unref()

  function ask(operation: Operation): Promise<Answer> {
    if (gone) return Promise.reject(gone)
    return new Promise((resolve, reject) => {
      lastId += 1
      if (waiting.size === 0) worker.ref()
      waiting.set(lastId, { resolve, reject })
      worker.postMessage({ ...operation, id: lastId })
    })
  }
  function askOpen(operation: Operation): Promise<Answer> {
    return closing ? Promise.reject(new StoreUnavailable('it is closed')) : ask(operation)
  }

  return {
    async revision() {
      const answer = await askOpen({ op: 'revision' })
      if ('revision' in answer) return answer.revision
      throw failure(answer)
    },
    async get<T>(kind: string, key: string) {
      const records = await recordsOf(askOpen({ op: 'get', kind, key }))
      return records[0] === undefined ? undefined : parsed<T>(records[0])
    },
    async list<T>(kind: string, options: { prefix?: string; after?: string; limit?: number } = {}) {
      const from = options.prefix ?? ''
      const records = await recordsOf(
        askOpen({
          op: 'list',
          kind,
          from,
          after: options.after ?? null,
          before: prefixEnd(from),
          limit: checkLimit(options.limit),
        }),
      )
      return records.map(record => parsed<T>(record))
    },
    async commit(changes) {
      const raw: RawChange[] = rawChanges(changes)
      if (raw.length === 0) return []
      const records = await recordsOf(askOpen({ op: 'commit', changes: raw }))
      return records.map(record => parsed<unknown>(record))
    },
    async changesSince(revision, limit) {
      const records = await recordsOf(askOpen({ op: 'changes', revision, limit: checkLimit(limit) }))
      return records.map(record => parsed<unknown>(record))
    },
    close() {
      closing ??= closeWorker()
      return closing
    },
  }

  async function closeWorker(): Promise<void> {
    if (gone) return
    const exited = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    await ask({ op: 'close' })
    worker.ref()
    await exited
  }
}

function startWorker(file: string): Promise<Worker> {
  // The suffix of this file: `.ts` from the source tree, `.js` in a published package.
  const script = new URL(`./sqlite-worker${extname(import.meta.filename)}`, import.meta.url)
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: { file }, name: 'state-store', execArgv: [] })
    const ended = () => reject(new StoreUnavailable('its worker ended before it was open'))
    worker.once('error', reject)
    worker.once('exit', ended)
    worker.once('message', () => {
      worker.off('error', reject)
      worker.off('exit', ended)
      resolve(worker)
    })
  })
}

async function recordsOf(pending: Promise<Answer>): Promise<readonly RawRecord[]> {
  const answer = await pending
  if ('records' in answer) return answer.records
  throw failure(answer)
}

function failure(answer: Answer): Error {
  if ('conflict' in answer) return new StoreConflict(answer.conflict.kind, answer.conflict.key)
  if ('compacted' in answer) return new StoreCompacted()
  return new StoreUnavailable('failed' in answer ? answer.failed : 'unexpected answer')
}

function parsed<T>(record: RawRecord): Stored<T> {
  const { kind, key, version, revision } = record
  return {
    kind,
    key,
    value: (record.value === null ? null : JSON.parse(record.value)) as T,
    version,
    revision,
  }
}
