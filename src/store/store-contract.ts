import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { type Change, type StateStore, StoreConflict, StoreUnavailable } from './store.ts'

/**
 * What every state store must do; called by the tests of each implementation. `open` gives a new, empty store.
 * Times that pass on their own (forgetting deletions) are not part of it.
 */
export function storeContract(name: string, open: () => Promise<StateStore>): void {
  describe(`state store contract: ${name}`, () => {
    const opened: StateStore[] = []
    async function fresh(): Promise<StateStore> {
      const store = await open()
      opened.push(store)
      return store
    }
    after(async () => {
      for (const store of opened) await store.close()
    })

    it('creates, reads, updates and deletes, and counts versions and revisions', async () => {
      const store = await fresh()
      assert.equal(await store.revision(), 0)
      assert.equal(await store.get('a', 'x'), undefined)
      const value = { text: 'é "quoted" \u0000 end', list: [1, null, true], nested: { deep: 0.5 } }
      const [created] = await store.commit([{ op: 'create', kind: 'a', key: 'x', value }])
      assert.deepEqual(created, { kind: 'a', key: 'x', value, version: 1, revision: 1 })
      assert.deepEqual(await store.get('a', 'x'), created)
      const [updated] = await store.commit([{ op: 'update', kind: 'a', key: 'x', value: [2], version: 1 }])
      assert.deepEqual(updated, { kind: 'a', key: 'x', value: [2], version: 2, revision: 2 })
      const [deleted] = await store.commit([{ op: 'delete', kind: 'a', key: 'x', version: 2 }])
      assert.deepEqual(deleted, { kind: 'a', key: 'x', value: null, version: 3, revision: 3 })
      assert.equal(await store.get('a', 'x'), undefined)
      assert.equal(await store.revision(), 3)
    })

    it('keeps kinds apart', async () => {
      const store = await fresh()
      await store.commit([
        { op: 'create', kind: 'a', key: 'x', value: 1 },
        { op: 'create', kind: 'b', key: 'x', value: 2 },
      ])
      assert.equal((await store.get('a', 'x'))?.value, 1)
      assert.equal((await store.get('b', 'x'))?.value, 2)
      assert.equal((await store.list('a')).length, 1)
    })

    it('refuses a write whose precondition does not hold, and names it', async () => {
      const store = await fresh()
      await store.commit([{ op: 'create', kind: 'a', key: 'x', value: 1 }])
      const wrong: Change[] = [
        { op: 'create', kind: 'a', key: 'x', value: 2 },
        { op: 'update', kind: 'a', key: 'x', value: 2, version: 2 },
        { op: 'update', kind: 'a', key: 'y', value: 2, version: 1 },
        { op: 'delete', kind: 'a', key: 'x', version: 7 },
        { op: 'delete', kind: 'a', key: 'y', version: 1 },
      ]
      for (const change of wrong) {
        await assert.rejects(
          store.commit([{ op: 'create', kind: 'ok', key: 'before', value: 1 }, change]),
          (error: unknown) =>
            error instanceof StoreConflict && error.kind === change.kind && error.key === change.key,
        )
      }
      assert.equal(await store.get('ok', 'before'), undefined, 'a refused commit leaves nothing')
      assert.equal(await store.revision(), 1)
    })

    it('never lets a version of a deleted record match the record that follows it', async () => {
      const store = await fresh()
      await store.commit([{ op: 'create', kind: 'a', key: 'x', value: 'first' }])
      await store.commit([{ op: 'delete', kind: 'a', key: 'x', version: 1 }])
      const [again] = await store.commit([{ op: 'create', kind: 'a', key: 'x', value: 'second' }])
      assert.notEqual(again?.version, 1)
      await assert.rejects(
        store.commit([{ op: 'update', kind: 'a', key: 'x', value: 'late', version: 1 }]),
        StoreConflict,
      )
      assert.equal((await store.get('a', 'x'))?.value, 'second')
    })

    it('lists in byte order, by prefix, in pages', async () => {
      const store = await fresh()
      const keys = [
        'a/1',
        'a/10',
        'a/2',
        'a0',
        'A',
        'é',
        'z',
        'a/\u{10ffff}',
        'a/\u{ffff}',
        'a/\ud7ff',
        'a%_',
      ]
      await store.commit(keys.map(key => ({ op: 'create', kind: 'k', key, value: key })))
      const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      const all = (await store.list('k')).map(record => record.key)
      assert.deepEqual(all, sorted)
      const under = (await store.list('k', { prefix: 'a/' })).map(record => record.key)
      assert.deepEqual(
        under,
        sorted.filter(key => key.startsWith('a/')),
      )
      assert.deepEqual(
        (await store.list('k', { prefix: 'a%' })).map(record => record.key),
        ['a%_'],
      )
      const paged: string[] = []
      for (;;) {
        const last = paged.at(-1)
        const page = await store.list('k', last === undefined ? { limit: 2 } : { after: last, limit: 2 })
        paged.push(...page.map(record => record.key))
        if (page.length < 2) break
      }
      assert.deepEqual(paged, sorted)
    })

    it('tells changes since a revision once each, in order, deletions included', async () => {
      const store = await fresh()
      await store.commit([
        { op: 'create', kind: 'a', key: 'x', value: 1 },
        { op: 'create', kind: 'a', key: 'y', value: 1 },
      ])
      await store.commit([{ op: 'update', kind: 'a', key: 'x', value: 2, version: 1 }])
      await store.commit([{ op: 'delete', kind: 'a', key: 'y', version: 1 }])
      const facts = (records: readonly { key: string; value: unknown; revision: number }[]) =>
        records.map(record => [record.key, record.value, record.revision])
      assert.deepEqual(facts(await store.changesSince(0)), [
        ['x', 2, 3],
        ['y', null, 4],
      ])
      assert.deepEqual(facts(await store.changesSince(3)), [['y', null, 4]])
      assert.deepEqual(facts(await store.changesSince(0, 1)), [['x', 2, 3]])
      assert.deepEqual(await store.changesSince(4), [])
    })

    it('refuses what cannot be stored, without effect', async () => {
      const store = await fresh()
      const wrong: Change[] = [
        { op: 'create', kind: '', key: 'x', value: 1 },
        { op: 'create', kind: 'a', key: '', value: 1 },
        { op: 'create', kind: 'a', key: 'x\u0000', value: 1 },
        { op: 'create', kind: 'a', key: '\ud800', value: 1 },
        { op: 'create', kind: 'a', key: 'k'.repeat(2000), value: 1 },
        { op: 'create', kind: 'a', key: 'x', value: null },
        { op: 'create', kind: 'a', key: 'x', value: undefined },
        { op: 'create', kind: 'a', key: 'x', value: 'v'.repeat(5_000_000) },
      ]
      for (const change of wrong) await assert.rejects(store.commit([change]), TypeError)
      const twice: Change = { op: 'create', kind: 'a', key: 'x', value: 1 }
      await assert.rejects(store.commit([twice, twice]), TypeError)
      await assert.rejects(store.list('a', { limit: 0 }), TypeError)
      assert.equal(await store.revision(), 0)
    })

    it('lets exactly one of many concurrent writers win', async () => {
      const store = await fresh()
      const results = await Promise.allSettled(
        Array.from({ length: 50 }, (_, writer) =>
          store.commit([{ op: 'create', kind: 'code', key: 'once', value: writer }]),
        ),
      )
      assert.equal(results.filter(result => result.status === 'fulfilled').length, 1)
      for (const result of results) {
        if (result.status === 'rejected') assert.ok(result.reason instanceof StoreConflict)
      }
    })

    it('loses no increment under concurrent compare-and-set (property)', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 }), {
            minLength: 1,
            maxLength: 6,
          }),
          async writers => {
            const store = await open()
            try {
              await store.commit([0, 1, 2].map(n => ({ op: 'create', kind: 'n', key: `c${n}`, value: 0 })))
              await Promise.all(writers.map(steps => increments(store, steps)))
              const expected = [0, 1, 2].map(n => writers.flat().filter(step => step === n).length)
              const found = (await store.list<number>('n')).map(record => record.value)
              assert.deepEqual(found, expected)
              const versions = (await store.list('n')).map(record => record.version)
              assert.deepEqual(
                versions,
                expected.map(count => count + 1),
              )
            } finally {
              await store.close()
            }
          },
        ),
        { numRuns: 15 },
      )
    })

    it('keeps two records that move together equal to every reader (property)', async () => {
      const store = await fresh()
      await store.commit([
        { op: 'create', kind: 'pair', key: 'a', value: 0 },
        { op: 'create', kind: 'pair', key: 'b', value: 0 },
      ])
      let done = false
      const reader = (async () => {
        while (!done) {
          const values = (await store.list<number>('pair')).map(record => record.value)
          assert.equal(values[0], values[1])
        }
      })()
      await Promise.all([pairs(store, 20), pairs(store, 20)])
      done = true
      await reader
      assert.deepEqual(
        (await store.list<number>('pair')).map(record => record.value),
        [40, 40],
      )
    })

    it('answers nothing after close, and closes twice', async () => {
      const store = await open()
      await store.commit([{ op: 'create', kind: 'a', key: 'x', value: 1 }])
      await store.close()
      await store.close()
      await assert.rejects(store.get('a', 'x'), StoreUnavailable)
      await assert.rejects(store.commit([{ op: 'create', kind: 'a', key: 'y', value: 1 }]), StoreUnavailable)
    })
  })
}

async function increments(store: StateStore, counters: readonly number[]): Promise<void> {
  for (const counter of counters) {
    for (;;) {
      const record = await store.get<number>('n', `c${counter}`)
      assert.ok(record)
      const { kind, key, version, value } = record
      try {
        await store.commit([{ op: 'update', kind, key, version, value: value + 1 }])
        break
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
      }
    }
  }
}

async function pairs(store: StateStore, times: number): Promise<void> {
  for (let left = times; left > 0; ) {
    const [a, b] = await store.list<number>('pair')
    assert.ok(a && b)
    try {
      await store.commit([
        { op: 'update', kind: 'pair', key: 'a', version: a.version, value: a.value + 1 },
        { op: 'update', kind: 'pair', key: 'b', version: b.version, value: b.value + 1 },
      ])
      left -= 1
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}
