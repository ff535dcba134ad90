import { randomBytes } from 'node:crypto'
import type { ChangeFeed } from '../../store/change-feed.ts'
import { type Change, type StateStore, StoreConflict } from '../../store/store.ts'
import { packBatch, unpackBatch } from './batch.ts'
import type { Fingerprint } from './fingerprint-set.ts'
import { createFingerprints, type FingerprintOptions, type Fingerprints } from './fingerprints.ts'

export interface SharedFingerprintOptions extends Omit<FingerprintOptions, 'onLearned'> {
  readonly store: StateStore
  readonly feed: ChangeFeed
  /** The store could not be written, or holds what is no batch. What was learned stays in memory and is written later. */
  readonly onError: (error: unknown) => void
  /** Milliseconds between two writes; 0: only `flush` writes. Default 1000. */
  readonly every?: number
}

export interface SharedFingerprints extends Fingerprints {
  /** Writes what was learned here since the last time. */
  flush(): Promise<void>
  /** Flushes once more and stops. The store stays open. */
  close(): Promise<void>
}

export const FINGERPRINTS = 'fingerprints'
/** Of one record. */
const LARGEST_BATCH = 2_000
/** Small records are joined when there are more than this. */
const MOST_SMALL = 32

interface Batch {
  readonly version: number
  readonly fingerprints: readonly Fingerprint[]
}

/**
 * Fingerprints that all gateways of a store have in common, and that are there again after a restart. What is learned is in
 * force here at once, goes to the store in batches, and reaches the others through the change feed. No value is stored,
 * and nothing from which one could be guessed without the key.
 */
export async function openFingerprints(options: SharedFingerprintOptions): Promise<SharedFingerprints> {
  const { store, feed, onError } = options
  const capacity = options.capacity ?? 100_000
  const now = options.now ?? Date.now
  let pending: Fingerprint[] = []
  const batches = new Map<string, Batch>()
  const fingerprints = createFingerprints({
    ...options,
    onLearned(one) {
      // With a store that is away for long the oldest are not shared; they are masked where they stand.
      if (pending.length < capacity) pending.push(one)
    },
  })

  const stop = await feed.follow(FINGERPRINTS, {
    put(record) {
      try {
        const learned = unpackBatch(record.value)
        batches.set(record.key, { version: record.version, fingerprints: learned })
        for (const one of learned) fingerprints.add(one)
      } catch (error) {
        onError(error)
      }
    },
    remove: key => void batches.delete(key),
  })

  async function write(): Promise<void> {
    while (pending.length > 0) {
      const batch = pending.slice(0, LARGEST_BATCH)
      await store.commit([createBatch(batch, now())])
      pending = pending.slice(batch.length)
    }
    await tidy()
  }

  /** Joins small records, and drops what is no longer remembered, when there is too much of either. */
  async function tidy(): Promise<void> {
    const oldestFirst = [...batches].sort(([a], [b]) => (a < b ? -1 : 1))
    const total = oldestFirst.reduce((sum, [, batch]) => sum + batch.fingerprints.length, 0)
    const small = oldestFirst.filter(([, batch]) => batch.fingerprints.length < LARGEST_BATCH / 2)
    const chosen = total > 1.25 * capacity ? oldestFirst : small.length > MOST_SMALL ? small : []
    if (chosen.length === 0) return
    const kept = new Map<string, Fingerprint>()
    for (const [, batch] of chosen) {
      for (const one of batch.fingerprints) {
        if (fingerprints.holds(one)) kept.set(Buffer.from(one.digest).toString('latin1'), one)
      }
    }
    const all = [...kept.values()]
    const changes: Change[] = chosen.map(([key, { version }]) => ({
      op: 'delete',
      kind: FINGERPRINTS,
      key,
      version,
    }))
    for (let at = 0; at < all.length; at += LARGEST_BATCH) {
      changes.push(createBatch(all.slice(at, at + LARGEST_BATCH), now()))
    }
    try {
      await store.commit(changes)
    } catch (error) {
      // Another gateway tidied at the same time; nothing is lost.
      if (!(error instanceof StoreConflict)) throw error
    }
    await feed.catchUp()
  }

  let running: Promise<void> | undefined
  /** Told once, not every second. */
  let failing = false
  function flush(): Promise<void> {
    running ??= write().finally(() => {
      running = undefined
    })
    return running
  }

  const every = options.every ?? 1_000
  const timer =
    every === 0
      ? undefined
      : setInterval(() => {
          if (pending.length === 0 || running !== undefined) return
          flush().then(
            () => {
              failing = false
            },
            error => {
              if (!failing) onError(error)
              failing = true
            },
          )
        }, every).unref()

  return Object.assign(fingerprints, {
    flush,
    async close() {
      clearInterval(timer)
      await running?.catch(() => {})
      await flush().catch(onError)
      stop()
    },
  })
}

/** Keys grow with time, so that a list gives the oldest first. */
function createBatch(batch: readonly Fingerprint[], at: number): Change {
  const key = `${at.toString(36).padStart(9, '0')}-${randomBytes(8).toString('hex')}`
  return { op: 'create', kind: FINGERPRINTS, key, value: packBatch(batch) }
}
