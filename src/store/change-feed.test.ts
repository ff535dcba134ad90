import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ChangeFeed, openChangeFeed } from './change-feed.ts'
import { openSqliteStore } from './open-sqlite-store.ts'
import { type StateStore, StoreCompacted } from './store.ts'

function mirror(): {
  seen: Map<string, unknown>
  put: (r: { key: string; value: unknown }) => void
  remove: (key: string) => void
} {
  const seen = new Map<string, unknown>()
  return {
    seen,
    put: record => void seen.set(record.key, record.value),
    remove: key => void seen.delete(key),
  }
}

async function withFeed(
  test: (store: StateStore, feed: ChangeFeed) => Promise<void>,
  wrap = (s: StateStore) => s,
): Promise<void> {
  const store = wrap(await openSqliteStore(':memory:'))
  const feed = await openChangeFeed(store, { every: 3_600_000 })
  try {
    await test(store, feed)
  } finally {
    feed.close()
    await store.close()
  }
}

describe('change feed', () => {
  it('gives what is there, then what changes, of its kind only', async () => {
    await withFeed(async (store, feed) => {
      await store.commit([{ op: 'create', kind: 'a', key: 'x', value: 1 }])
      const a = mirror()
      const stop = await feed.follow('a', a)
      assert.deepEqual([...a.seen], [['x', 1]])
      await store.commit([
        { op: 'create', kind: 'a', key: 'y', value: 2 },
        { op: 'create', kind: 'b', key: 'z', value: 3 },
        { op: 'delete', kind: 'a', key: 'x', version: 1 },
      ])
      await feed.catchUp()
      assert.deepEqual([...a.seen], [['y', 2]])
      stop()
      await store.commit([{ op: 'delete', kind: 'a', key: 'y', version: 1 }])
      await feed.catchUp()
      assert.deepEqual([...a.seen], [['y', 2]])
    })
  })

  it('delivers, when catchUp resolves, all that was committed before the call, also during a poll', async () => {
    await withFeed(async (store, feed) => {
      const a = mirror()
      await feed.follow('a', a)
      for (let n = 0; n < 50; n += 1) {
        const running = feed.catchUp()
        await store.commit([{ op: 'create', kind: 'a', key: `k${n}`, value: n }])
        await feed.catchUp()
        assert.equal(a.seen.size, n + 1)
        await running
      }
    })
  })

  it('polls more than one page', async () => {
    await withFeed(async (store, feed) => {
      const a = mirror()
      await feed.follow('a', a)
      const keys = Array.from({ length: 1_300 }, (_, n) => `k${n}`)
      await store.commit(keys.map(key => ({ op: 'create', kind: 'a', key, value: 1 })))
      await feed.catchUp()
      assert.equal(a.seen.size, keys.length)
      const b = mirror()
      await feed.follow('a', b)
      assert.equal(b.seen.size, keys.length)
    })
  })

  it('does not bring back what was deleted while the first page was on its way', async () => {
    let hold: Promise<void> | undefined
    await withFeed(
      async (store, feed) => {
        await store.commit([{ op: 'create', kind: 'a', key: 'x', value: 1 }])
        await feed.catchUp()
        let release = () => {}
        hold = new Promise(resolve => {
          release = resolve
        })
        const a = mirror()
        const following = feed.follow('a', a)
        await store.commit([{ op: 'delete', kind: 'a', key: 'x', version: 1 }])
        await feed.catchUp()
        release()
        await following
        assert.deepEqual([...a.seen], [])
      },
      store => ({
        ...store,
        async list<T>(kind: string, options?: { prefix?: string; after?: string; limit?: number }) {
          const page = await store.list<T>(kind, options)
          await hold
          return page
        },
      }),
    )
  })

  it('reads everything again when it was away for too long', async () => {
    let compacted = false
    await withFeed(
      async (store, feed) => {
        const a = mirror()
        await store.commit([{ op: 'create', kind: 'a', key: 'gone', value: 1 }])
        await feed.follow('a', a)
        await feed.catchUp()
        await store.commit([
          { op: 'delete', kind: 'a', key: 'gone', version: 1 },
          { op: 'create', kind: 'a', key: 'new', value: 2 },
        ])
        compacted = true
        await feed.catchUp()
        assert.deepEqual([...a.seen], [['new', 2]])
        await store.commit([{ op: 'create', kind: 'a', key: 'later', value: 3 }])
        await feed.catchUp()
        assert.equal(a.seen.size, 2)
      },
      store => ({
        ...store,
        changesSince(revision, limit) {
          if (!compacted) return store.changesSince(revision, limit)
          compacted = false
          return Promise.reject(new StoreCompacted())
        },
      }),
    )
  })

  it('is fresh only as of a poll that succeeded', async () => {
    const store = await openSqliteStore(':memory:')
    let now = 1_000
    const feed = await openChangeFeed(store, { every: 3_600_000, now: () => now })
    now = 2_000
    await feed.catchUp()
    assert.equal(feed.freshAt(), 2_000)
    now = 3_000
    await store.close()
    await assert.rejects(feed.catchUp())
    assert.equal(feed.freshAt(), 2_000)
    feed.close()
  })
})
