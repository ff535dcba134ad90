import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAuditLog } from './open.ts'
import { body, recordCall, scratch } from './testing/calls.ts'
import { memoryDisk } from './testing/memory.ts'
import { verifyLog } from './verify.ts'

const small = (bytes: number) => body('x'.repeat(bytes))
/** More than the write-ahead file carries. */
const LARGE = body('y'.repeat(80_000))
const turn = () => new Promise(resolve => setImmediate(resolve))

/** A batch that waits for a new write-ahead file, and one behind it that goes to the segment itself. */
for (const segmentBytes of [50_000, 100_000_000])
  test(`records keep their places while a new write-ahead file is slow to begin; segments of ${segmentBytes} bytes`, async t => {
    const files = memoryDisk()
    let begun = 0
    files.fault = (operation, path) => {
      if (operation !== 'sync' || !path.endsWith('.wal.tmp')) return
      begun += 1
      return new Promise(resolve => setTimeout(resolve, 10))
    }
    const log = await openAuditLog({
      ...{ dataDir: '/log', origin: 'order.example/log', files },
      ...{ walBytes: 1, segmentBytes, deadline: 60_000 },
    })
    let number = 0
    const record = (response: ReturnType<typeof body>) => recordCall(log, ++number, { response })
    for (let round = 1; round <= 12; round += 1) {
      // The next batch begins a new write-ahead file.
      while (log.size < round * 256) await record(small(100))
      const carried = record(small(40_000))
      await turn()
      await turn()
      const direct = record(LARGE)
      for (let i = 0; i < 8; i += 1) await turn()
      await Promise.all([carried, direct, record(small(100))])
    }
    assert.ok(begun >= 12, `${begun} write-ahead files`)
    await log.close()
    const directory = scratch(t)
    files.dump('/log', directory)
    const report = verifyLog({ directory, vkey: log.vkey, keyFile: join(directory, 'secrets/kek') })
    assert.deepEqual(
      report.checks.filter(check => check.status === 'failed'),
      [],
    )
  })
