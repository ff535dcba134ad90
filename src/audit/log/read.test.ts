import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Files, LogFile } from '../files/files.ts'
import { readWhole } from '../files/whole.ts'
import { openAuditLog } from '../open.ts'
import { recordCall } from '../testing/calls.ts'
import { memoryDisk } from '../testing/memory.ts'
import { inclusionProof, readLeaves, rootFromProof } from './read.ts'

test('every entry of a checkpoint has a proof that leads to its root, and to no other', async () => {
  const files = memoryDisk()
  const log = await openAuditLog({ dataDir: '/log', origin: 'sallyport.example/log', files })
  for (const calls of [0, 1, 2, 5, 260]) {
    for (let number = 0; number < calls; number += 1) await recordCall(log, number)
    const { size, root } = await log.publish()
    const leaves: Buffer[] = []
    while (leaves.length < size) leaves.push(...(await readLeaves(files, '/log', leaves.length, size)))
    assert.equal(leaves.length, size)
    for (let index = 0; index < size; index += size > 50 ? 7 : 1) {
      const leafHash = hash('sha256', Buffer.concat([Buffer.from([0]), leaves[index]!]), 'buffer')
      const path = await inclusionProof(files, '/log', index, size)
      assert.deepEqual(rootFromProof(leafHash, index, size, path), root, `${index} of ${size}`)
      if (size === 1) continue
      // At another index the path has another length or leads elsewhere.
      const elsewhere = () => rootFromProof(leafHash, index === 0 ? 1 : index - 1, size, path).equals(root)
      assert.equal(unless(RangeError, elsewhere), false)
      assert.throws(() => rootFromProof(leafHash, index, size, [...path, root]), RangeError)
    }
  }
  assert.ok((await readWhole(files, join('/log', 'tile/0/000'))) !== null)
  await assert.rejects(inclusionProof(files, '/log', log.size, log.checkpoint.size), RangeError)
  await log.close()
})

function unless(kind: new () => Error, make: () => boolean): boolean {
  try {
    return make()
  } catch (error) {
    assert.ok(error instanceof kind)
    return false
  }
}

test('a bundle that is shorter than its name says is an error, not an endless reading', async () => {
  const files: Files = {
    ...memoryless,
    open: async path => {
      if (!path.endsWith('.p/3')) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return { ...emptyFile }
    },
  }
  await assert.rejects(readLeaves(files, '/log', 0, 3), /holds 0 entries only/)
})

const emptyFile: LogFile = {
  read: async () => 0,
  write: async () => {},
  writeSynced: async () => {},
  truncate: async () => {},
  datasync: async () => {},
  size: async () => 0,
  close: async () => {},
}

const memoryless: Files = {
  open: async () => emptyFile,
  rename: async () => {},
  remove: async () => {},
  removeDirectory: async () => {},
  makeDirectory: async () => {},
  list: async () => [],
  syncDirectory: async () => {},
  space: async () => ({ free: 1, total: 1 }),
  usage: async () => 0,
  lock: async () => () => {},
}
