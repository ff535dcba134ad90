import assert from 'node:assert/strict'
import { readOurCalls } from '../../../src/audit/crosscheck/our-calls.ts'
import { openAuditLog } from '../../../src/audit/open.ts'
import { scanSegment } from '../../../src/audit/segments/scan.ts'
import { body, frame, intent, outcome, recordCall } from '../../../src/audit/testing/calls.ts'
import { type MemoryDisk, memoryDisk } from '../../../src/audit/testing/memory.ts'
import { fileKeyEncryption } from '../../../src/keys/file-key.ts'
import { damaged, damagesOf, randomDamage } from '../damage.ts'
import { type Checker, eachByItself, type FuzzTarget } from '../target.ts'

const DIRECTORY = '/log'
const ORIGIN = 'fuzz/recovery'

/** A log that was not closed: entries in tiles, in the write-ahead file and in several segments, a call under way. */
async function crashedDisk(): Promise<MemoryDisk> {
  const disk = memoryDisk()
  const log = await openAuditLog({
    dataDir: DIRECTORY,
    origin: ORIGIN,
    files: disk,
    segmentBytes: 6000,
    walBytes: 8000,
    checkpointInterval: 60_000,
  })
  for (let i = 0; i < 12; i++)
    await recordCall(log, i, { request: body('{"a":1}'), response: body('x'.repeat(300)) })
  await log.publish()
  await log.append(intent(50))
  await log.append(frame(50, body('line\n')))
  for (let i = 20; i < 24; i++) await recordCall(log, i)
  const copy = disk.copy()
  await log.append(outcome(50))
  await log.close()
  return copy
}

/**
 * Damage anywhere in the files of a log: opening it ends, with a log that goes on or with an error in words. A mistake in
 * the reader itself (reading beyond an end, a missing property) is neither.
 */
async function open(): Promise<Checker> {
  const before = await crashedDisk()
  const names = [...before.content.keys()].filter(name => !name.includes('/secrets/')).sort()

  async function look(input: Buffer): Promise<string> {
    const disk = before.copy()
    for (const damage of damagesOf(input)) {
      const name = names[damage.file % names.length]!
      const bytes = disk.content.get(name)
      const after = bytes === undefined ? undefined : damaged(bytes, damage)
      if (after === undefined) disk.content.delete(name)
      else disk.content.set(name, after)
      if (after !== undefined && name.includes('/segments/')) await scanAll(disk, name)
    }
    await readsToItsEnd(disk)
    let log: Awaited<ReturnType<typeof openAuditLog>>
    try {
      log = await openAuditLog({
        dataDir: DIRECTORY,
        origin: ORIGIN,
        files: disk,
        checkpointInterval: 60_000,
      })
    } catch (error) {
      inWords(error)
      return 'refused'
    }
    await log.append(intent(99))
    await log.append(outcome(99))
    assert.equal(log.sealed, false)
    await log.close()
    return log.recovery.clean ? 'opened' : 'recovered'
  }
  return eachByItself(look)
}

async function scanAll(disk: MemoryDisk, name: string): Promise<void> {
  const file = await disk.open(name, 'read')
  try {
    const scan = await scanSegment(file, ORIGIN)
    let last = -1
    for (let payload = await scan.next(); payload !== null; payload = await scan.next()) {
      assert.ok(scan.position > last, 'the scan stands still')
      last = scan.position
    }
  } catch (error) {
    inWords(error)
  }
}

/** As `audit crosscheck` reads it. */
async function readsToItsEnd(disk: MemoryDisk): Promise<void> {
  const bounds = { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY }
  try {
    const keyEncryption = await fileKeyEncryption(disk, `${DIRECTORY}/secrets/kek`, false)
    await readOurCalls(disk, { directory: DIRECTORY, keyEncryption, most: 1000, ...bounds }, new Map())
  } catch (error) {
    inWords(error)
  }
}

function inWords(error: unknown): void {
  assert.ok(error instanceof Error, `${error}`)
  assert.ok(!(error instanceof assert.AssertionError), error.message)
  const { code } = error as NodeJS.ErrnoException
  const bug =
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    code === 'ERR_OUT_OF_RANGE' ||
    code === 'ERR_BUFFER_OUT_OF_BOUNDS'
  assert.ok(!bug, `not an error in words: ${error.stack}`)
  assert.ok(error.message.length > 5)
}

export const target: FuzzTarget = {
  name: 'recovery',
  batch: 10,
  generate: random => randomDamage(random),
  open,
}
