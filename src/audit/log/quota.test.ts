import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { body, frame, intent, outcome } from '../testing/calls.ts'
import { memoryDisk } from '../testing/memory.ts'
import { FRAME_GRACE, openQuota, type Quota, type QuotaOptions, type QuotaStatus } from './quota.ts'
import { stopEntry } from './state-entries.ts'

const MEBIBYTE = 1024 * 1024
const opened: Quota[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one.stop()
})

/** A log of one file of `used` bytes on a disk with room for everything. */
async function rig(options: QuotaOptions, used = 0) {
  const files = memoryDisk(new Map([['/log/file', Buffer.alloc(used)]]))
  const changes: QuotaStatus['state'][] = []
  const clock = { now: 1_000_000 }
  const quota = await openQuota({
    files,
    directory: '/log',
    options,
    now: () => clock.now,
    onChange: ({ state }) => changes.push(state),
    onFailure: error => assert.fail(String(error)),
  })
  opened.push(quota)
  return { files, changes, clock, quota }
}

const session = { ...stopEntry(1), kind: 'session.open' } as const
const closing = { ...session, kind: 'session.close' } as const
const operator = { ...intent(1), kind: 'admin.request' } as const

describe('the quota of the log', () => {
  test('without options: 512 MiB of the file system stay free, or a twentieth of a small one', async () => {
    const { files, quota } = await rig({})
    assert.equal(quota.status.minFree, 512 * MEBIBYTE)
    assert.equal(quota.status.bytes, null)
    files.room = { free: 900 * MEBIBYTE, total: 1000 * MEBIBYTE }
    await quota.look()
    assert.equal(quota.status.minFree, 50 * MEBIBYTE)
    assert.equal(quota.status.state, 'ok')
  })

  test('warns below twice the reserve, is full below it, and opens only with a little more room', async () => {
    const { files, changes, quota } = await rig({ minFree: 1000 })
    for (const free of [2500, 1999, 1000, 999, 1050, 1099, 1100, 2000]) {
      files.room = { free, total: 1e9 }
      await quota.look()
    }
    assert.deepEqual(changes, ['low', 'full', 'low', 'ok'])
  })

  test('the same by what the log takes itself', async () => {
    const { files, changes, quota } = await rig({ bytes: 1000, minFree: 1 }, 850)
    assert.equal(quota.status.used, 850)
    for (const used of [901, 1000, 1001, 950, 909, 800]) {
      files.content.set('/log/file', Buffer.alloc(used))
      await quota.look()
    }
    assert.deepEqual(changes, ['low', 'full', 'low', 'ok'])
  })

  test('full: nothing new is taken, what ends is, and frames for a while', async () => {
    const { files, clock, quota } = await rig({ minFree: 1000 })
    files.room = { free: 900, total: 1e9 }
    await quota.look()
    const refused = (entry: Parameters<Quota['refuses']>[0]) => quota.refuses(entry) !== null
    assert.equal(quota.refuses(intent(1)), 'disk-quota')
    assert.equal(refused(session), true)
    for (const taken of [outcome(1), frame(1, body('x')), closing, stopEntry(1)])
      assert.equal(refused(taken), false)
    clock.now += FRAME_GRACE + 1
    assert.equal(refused(frame(1, body('x'))), true)
    assert.equal(refused(outcome(1)), false)
  })

  test('operators may use half of the reserve', async () => {
    const { files, quota } = await rig({ minFree: 1000 })
    for (const [free, taken] of [
      [900, true],
      [501, true],
      [500, false],
    ] as const) {
      files.room = { free, total: 1e9 }
      await quota.look()
      assert.equal(quota.refuses(operator) === null, taken, `${free} free`)
    }
    assert.equal(quota.refuses({ ...outcome(1), kind: 'admin.request' }), null)
  })
})
