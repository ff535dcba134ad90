import type { ChangeFeed } from '../store/change-feed.ts'
import type { Stored } from '../store/store.ts'

/** All live records of a kind, as far as this process knows them; its own writes are told at once, the others' by the feed. */
export interface Followed<T> {
  get(key: string): Stored<T> | undefined
  values(): Iterable<T>
  readonly size: number
  /** What this process has just written. */
  put(record: Stored<T>): void
  remove(key: string, revision: number): void
  stop(): void
}

/** @param changed Told of every record, and undefined when it is gone. Must not throw. */
export async function followAll<T>(
  feed: ChangeFeed,
  kind: string,
  changed: (now: T | undefined, before: T | undefined) => void,
): Promise<Followed<T>> {
  const records = new Map<string, Stored<T>>()

  function put(record: Stored<T>): void {
    const before = records.get(record.key)
    if (before !== undefined && before.revision >= record.revision) return
    records.set(record.key, record)
    changed(record.value, before?.value)
  }
  function remove(key: string, revision: number): void {
    const before = records.get(key)
    if (before === undefined || before.revision >= revision) return
    records.delete(key)
    changed(undefined, before.value)
  }
  const stop = await feed.follow<T>(kind, { put, remove })
  return {
    get: key => records.get(key),
    *values() {
      for (const { value } of records.values()) yield value
    },
    get size() {
      return records.size
    },
    put,
    remove,
    stop,
  }
}
