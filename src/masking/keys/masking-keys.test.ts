import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { disk } from '../../audit/files/disk.ts'
import { fileKeyEncryption } from '../../keys/file-key.ts'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { withFormer } from '../../keys/with-former.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import type { StateStore } from '../../store/store.ts'
import { MASKING_KEYS, type MaskingKeys, openMaskingKeys } from './masking-keys.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-masking-keys-'))
const stores: StateStore[] = []
after(async () => {
  for (const store of stores) await store.close()
  rmSync(directory, { recursive: true })
})
async function newStore(file = ':memory:'): Promise<StateStore> {
  const store = await openSqliteStore(file)
  stores.push(store)
  return store
}
const kekAt = (name: string) => fileKeyEncryption(disk, join(directory, name), true)
const hex = (keys: MaskingKeys) => [keys.tags, keys.fingerprints].map(key => key.export().toString('hex'))

describe('masking keys', () => {
  test('are two of 256 bits, made once and the same at the next start', async () => {
    const store = await newStore()
    const kek = await kekAt('one')
    const first = await openMaskingKeys(store, kek)
    assert.equal(new Set(hex(first)).size, 2)
    for (const key of hex(first)) assert.match(key, /^[0-9a-f]{64}$/)
    assert.deepEqual(hex(await openMaskingKeys(store, kek)), hex(first))
    assert.notDeepEqual(hex(await openMaskingKeys(await newStore(), kek)), hex(first))
  })

  test('stand in the store only wrapped', async () => {
    const store = await newStore()
    const keys = await openMaskingKeys(store, await kekAt('one'))
    const text = JSON.stringify(await store.get(MASKING_KEYS.kind, MASKING_KEYS.key))
    for (const key of [keys.tags, keys.fingerprints]) {
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        assert.equal(text.includes(key.export().toString(form)), false)
      }
    }
  })

  test('of gateways that start at once are the same', async () => {
    const file = join(directory, 'shared.db')
    const shared = await Promise.all([newStore(file), newStore(file), newStore(file)])
    const kek = await kekAt('one')
    const opened = await Promise.all([...shared, ...shared].map(store => openMaskingKeys(store, kek)))
    assert.equal(new Set(opened.map(keys => hex(keys).join())).size, 1)
    assert.equal((await shared[0]!.list(MASKING_KEYS.kind)).length, 1)
  })

  test('under another key-encryption key do not open, and stay as they are', async () => {
    const store = await newStore()
    const [mine, other] = [await kekAt('one'), await kekAt('other')]
    const first = await openMaskingKeys(store, mine)
    await assert.rejects(openMaskingKeys(store, other), (error: Error) => {
      assert.ok(error.message.includes(mine.id) && error.message.includes(other.id), error.message)
      assert.match(error.message, /--key-encryption/)
      return true
    })
    assert.deepEqual(hex(await openMaskingKeys(store, mine)), hex(first))
  })

  test('are wrapped anew when another key-encryption key was chosen and the former one is at hand', async () => {
    const store = await newStore()
    const [former, current] = [await kekAt('one'), await kekAt('other')]
    const first = await openMaskingKeys(store, former)
    assert.deepEqual(hex(await openMaskingKeys(store, withFormer(current, former))), hex(first))
    assert.deepEqual(hex(await openMaskingKeys(store, current)), hex(first))
    await assert.rejects(openMaskingKeys(store, former), /masking keys in the store were wrapped by/)
  })

  test('that were exchanged for each other in the store, or changed there, do not open', async () => {
    const store = await newStore()
    const kek = await kekAt('one')
    await openMaskingKeys(store, kek)
    const { value, version } = (await store.get<Record<string, unknown>>('masking-keys', 'current'))!
    const wrong = [
      { ...value, tags: value.fingerprints, fingerprints: value.tags },
      { ...value, tags: value.fingerprints },
      { ...value, tags: '' },
      { ...value, tags: 7 },
      { ...value, v: 2 },
      {},
    ]
    let at = version
    for (const changed of wrong) {
      await store.commit([{ op: 'update', ...MASKING_KEYS, value: changed, version: at }])
      at += 1
      await assert.rejects(openMaskingKeys(store, kek), /masking keys in the store/)
    }
  })

  test('are not had from a key service that does not answer, and nothing is stored then', async () => {
    const store = await newStore()
    const away: KeyEncryption = {
      id: 'test:away',
      wrap: () => Promise.reject(new Error('the key service is away')),
      unwrap: () => Promise.reject(new Error('the key service is away')),
    }
    await assert.rejects(openMaskingKeys(store, away), /away/)
    assert.equal(await store.get(MASKING_KEYS.kind, MASKING_KEYS.key), undefined)
  })
})
