import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileKeyEncryption } from '../../keys/file-key.ts'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { disk as realDisk } from '../files/disk.ts'
import { scratch } from '../testing/calls.ts'
import { memoryDisk } from '../testing/memory.ts'
import { epochKeys } from './epochs.ts'

const plain: KeyEncryption = {
  id: 'test',
  wrap: async key => Buffer.from(key),
  unwrap: async wrapped => Buffer.from(wrapped),
}
const NAME = '/log/keys/shown-2026-01-02.json'

async function stored() {
  const disk = memoryDisk()
  const keys = epochKeys(disk, '/log', 'test/log', plain)
  const { id } = await keys.obtain('shown', Date.UTC(2026, 0, 2) / 86_400_000)
  return { disk, keys, id }
}

describe('the file of an epoch key', () => {
  test('gives the key back; an id that is none names no file', async () => {
    const { keys, id } = await stored()
    assert.equal((await keys.find(id))?.key.length, 32)
    assert.equal(await keys.find('shown-2026-01-03'), null)
    assert.equal(await keys.find('../secrets/kek'), null)
  })

  test('damaged in any way is named, and nothing of it is repeated', async () => {
    const { disk, keys, id } = await stored()
    const text = disk.content.get(NAME)!.toString()
    const wrapped = /"wrapped":"([^"]+)"/.exec(text)![1]!
    const damaged = [
      '',
      'null',
      '[]',
      '7',
      text.slice(0, -10),
      text.replace('"', '\u0000'),
      text.replace(wrapped, 'x').replace('"x"', '{}'),
      text.replace('"wrapped"', '"wrappe"'),
      text.replace('"v":1', '"v":2'),
      text.replace(id, 'shown-2026-01-03'),
    ]
    for (const content of damaged) {
      disk.content.set(NAME, Buffer.from(content))
      await assert.rejects(keys.find(id), {
        name: 'Error',
        message: `${NAME} is not the wrapped key of ${id}`,
      })
      // Nor is it taken for one that is missing, and written over.
      await assert.rejects(keys.obtain('shown', Date.UTC(2026, 0, 2) / 86_400_000), /is not the wrapped key/)
    }
  })

  test('with a wrapped key that was cut or changed says so, and which', async t => {
    const path = join(scratch(t), 'kek')
    const disk = memoryDisk()
    const kek = await fileKeyEncryption(realDisk, path, true)
    const keys = epochKeys(disk, '/log', 'test/log', kek)
    const { id } = await keys.obtain('shown', Date.UTC(2026, 0, 2) / 86_400_000)
    const text = disk.content.get(NAME)!.toString()
    const wrapped = Buffer.from(/"wrapped":"([^"]+)"/.exec(text)![1]!, 'base64')
    const changed = Buffer.from(wrapped)
    changed[20]! ^= 1
    for (const bytes of [
      Buffer.alloc(0),
      wrapped.subarray(0, 5),
      wrapped.subarray(0, 15),
      wrapped.subarray(1),
      changed,
    ]) {
      const other = text.replace(wrapped.toString('base64'), bytes.toString('base64'))
      disk.content.set(NAME, Buffer.from(other))
      const message = `the wrapped key of test/log, ${id} was changed, or made with another key file than ${path}`
      await assert.rejects(keys.find(id), { name: 'Error', message })
    }
  })
})
