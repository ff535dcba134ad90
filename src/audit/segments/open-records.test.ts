import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { type EpochKey, epochKeys } from '../keys/epochs.ts'
import { openAuditLog } from '../open.ts'
import { body, recordCall } from '../testing/calls.ts'
import { type MemoryDisk, memoryDisk } from '../testing/memory.ts'
import { segmentCursor } from './cursor.ts'
import { dataKeyring } from './open-records.ts'
import { HEADER_BYTES, LENGTH_BYTES, RecordType } from './record.ts'
import { scanSegment } from './scan.ts'

const ORIGIN = 'test/log'
const SEGMENT = '/log/segments/0000000000000000.seg'
const plain: KeyEncryption = {
  id: 'test',
  wrap: async key => Buffer.from(key),
  unwrap: async wrapped => Buffer.from(wrapped),
}

let disk: MemoryDisk
let find: (id: string) => Promise<EpochKey | null>
/** The first record of a data key, and where its payload begins in the segment. */
let keyRecord: Buffer
let keyAt: number

before(async () => {
  disk = memoryDisk()
  const log = await openAuditLog({ dataDir: '/log', origin: ORIGIN, files: disk, keyEncryption: plain })
  for (let number = 0; number < 4; number += 1) {
    await recordCall(log, number, { session: number < 2 ? 's-one' : 's-two', response: body('{}') })
  }
  await log.close()
  disk = disk.copy()
  find = epochKeys(disk, '/log', ORIGIN, plain).find
  const file = await disk.open(SEGMENT, 'read')
  const scan = await scanSegment(file, ORIGIN)
  for (;;) {
    keyAt = scan.position + LENGTH_BYTES
    const payload = await scan.next()
    assert.ok(payload !== null)
    if (payload[0] !== RecordType.key) continue
    keyRecord = Buffer.from(payload)
    break
  }
})

describe('the record of a data key', () => {
  test('is learnt', async () => {
    const keyring = dataKeyring(ORIGIN, find)
    await keyring.learn(keyRecord)
    assert.ok(keyring.has(keyRecord.toString('hex', 16, 32)))
  })

  test('cut anywhere, or with any byte changed, teaches nothing and is no error', async () => {
    const keyring = dataKeyring(ORIGIN, find)
    for (let length = HEADER_BYTES; length < keyRecord.length; length += 1) {
      await keyring.learn(keyRecord.subarray(0, length))
    }
    // From the key id on: type, flags, frame and index say where it stands, and are covered by the leaves.
    for (let at = 16; at < keyRecord.length; at += 1) {
      const changed = Buffer.from(keyRecord)
      changed[at]! ^= 0x40
      await keyring.learn(changed)
      assert.equal(keyring.has(changed.toString('hex', 16, 32)), false, `byte ${at}`)
    }
  })

  test('damaged, closes the entries under that key alone: a reader goes on to the others', async () => {
    const damaged = disk.copy()
    damaged.content.get(SEGMENT)![keyAt + HEADER_BYTES] = 0xff
    const opened: boolean[] = []
    const cursor = segmentCursor(damaged, '/log', ORIGIN, find)
    for (let seq = 0; seq < 8; seq += 1) opened.push((await cursor.read(seq)).opened?.head != null)
    await cursor.close()
    assert.ok(opened.includes(true) && opened.includes(false), `${opened}`)
  })
})
