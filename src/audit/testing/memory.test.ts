import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { disk } from '../files/disk.ts'
import { scratch } from './calls.ts'
import { memoryDisk } from './memory.ts'

test('reading at and beyond the end gives nothing, in memory as on a disk', async t => {
  const disks = [disk, memoryDisk()]
  for (const files of disks) {
    const file = await files.open(join(scratch(t), 'file'), 'create')
    await file.write([Buffer.from('abc')], 0)
    const into = Buffer.alloc(8)
    const read = [0, 2, 3, 4, 1000].map(async position => await file.read(into, position))
    assert.deepEqual(await Promise.all(read), [3, 1, 0, 0, 0])
    await file.close()
  }
})
