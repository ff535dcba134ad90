import { type StateStore, StoreCompacted, type Stored } from './store.ts'

/** Told of every live record once, then of each change, in order. Must not throw and must not wait. */
export interface Follower<T> {
  put(record: Stored<T>): void
  /** `revision` of the deletion: a follower that knows a newer state of the key ignores it. */
  remove(key: string, revision: number): void
}

/**
 * One poller per process: how a change made through another process reaches this one, in at most half a second, and at
 * once where the store tells of changes.
 */
export interface ChangeFeed {
  /** Loads all records of the kind, then keeps following. Resolves, when all are loaded, with a way to stop. */
  follow<T>(kind: string, follower: Follower<T>): Promise<() => void>
  /** When it resolves, every change committed before the call has been delivered. Rejects as the store does. */
  catchUp(): Promise<void>
  /** Milliseconds since the epoch: all changes up to then are known here. */
  freshAt(): number
  close(): void
}

export interface ChangeFeedOptions {
  readonly now?: () => number
  /** Milliseconds between polls. */
  readonly every?: number
  /** A poll failed. The feed goes on trying; `freshAt` tells how far behind it is. */
  readonly onError?: (error: unknown) => void
}

interface Following {
  readonly kind: string
  readonly follower: Follower<unknown>
  readonly keys: Set<string>
  /** While the first load is under way: revisions that the feed delivered, which an older page must not undo. */
  loading: Map<string, number> | null
}

const PAGE = 500

export async function openChangeFeed(
  store: StateStore,
  options: ChangeFeedOptions = {},
): Promise<ChangeFeed> {
  const now = options.now ?? Date.now
  const followings = new Set<Following>()
  let fresh = now()
  let revision = await store.revision()
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  function deliver(record: Stored): void {
    revision = Math.max(revision, record.revision)
    for (const following of followings) {
      if (following.kind !== record.kind) continue
      following.loading?.set(record.key, record.revision)
      apply(following, record)
    }
  }

  async function poll(): Promise<void> {
    const began = now()
    try {
      for (;;) {
        const page = await store.changesSince(revision, PAGE)
        for (const record of page) deliver(record)
        if (page.length < PAGE) break
      }
    } catch (error) {
      if (!(error instanceof StoreCompacted)) throw error
      revision = await store.revision()
      for (const following of followings) await load(store, following, revision)
    }
    fresh = Math.max(fresh, began)
  }

  /** A poll that began before the call may have missed a change: the caller then waits for the one after it. */
  function catchUp(): Promise<void> {
    if (running === undefined) {
      running = poll().finally(() => {
        running = undefined
      })
      return running
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        return catchUp()
      })
    return next
  }

  const timer = setInterval(() => {
    if (running === undefined) catchUp().catch(error => options.onError?.(error))
  }, options.every ?? 500)
  timer.unref()
  const stopListening = store.onChange?.(() => {
    catchUp().catch(error => options.onError?.(error))
  })

  return {
    async follow<T>(kind: string, follower: Follower<T>) {
      const following: Following = {
        kind,
        follower: follower as Follower<unknown>,
        keys: new Set(),
        loading: null,
      }
      followings.add(following)
      try {
        await load(store, following, revision)
      } catch (error) {
        followings.delete(following)
        throw error
      }
      return () => void followings.delete(following)
    },
    catchUp,
    freshAt: () => fresh,
    close() {
      clearInterval(timer)
      stopListening?.()
      followings.clear()
    },
  }
}

function apply(following: Following, record: Stored): void {
  if (record.value === null) {
    following.keys.delete(record.key)
    following.follower.remove(record.key, record.revision)
  } else {
    following.keys.add(record.key)
    following.follower.put(record)
  }
}

/** `asOf`: a revision at or before the first page, for what is found to be gone. */
async function load(store: StateStore, following: Following, asOf: number): Promise<void> {
  const delivered = new Map<string, number>()
  following.loading = delivered
  const missing = new Set(following.keys)
  try {
    let after: string | undefined
    for (;;) {
      const page = await store.list(
        following.kind,
        after === undefined ? { limit: PAGE } : { after, limit: PAGE },
      )
      for (const record of page) {
        missing.delete(record.key)
        if ((delivered.get(record.key) ?? 0) < record.revision) apply(following, record)
      }
      after = page.at(-1)?.key
      if (page.length < PAGE) break
    }
    for (const key of missing) {
      if (delivered.has(key)) continue
      following.keys.delete(key)
      following.follower.remove(key, asOf)
    }
  } finally {
    following.loading = null
  }
}
