import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readLeaves } from './log/read.ts'
import { openAuditLog } from './open.ts'
import { body, frame, intent, outcome, recordCall, scratch } from './testing/calls.ts'
import type { MemoryDisk } from './testing/memory.ts'
import { type PowerDisk, powerDisk } from './testing/power.ts'
import { verifyLog } from './verify.ts'

const OPTIONS = {
  dataDir: '/data/log',
  origin: 'sallyport.example/log',
  segmentBytes: 60_000,
  walBytes: 50_000,
  checkpointInterval: 2,
}

interface State {
  readonly disk: MemoryDisk
  /** What had been promised when the power went. */
  readonly acknowledged: readonly string[]
  readonly checkpoints: readonly string[]
}

/** Deterministic, so that a red run can be run again. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 0x1_0000_0000
  }
}

/** Runs a gateway's day in small, cutting the power every so many disk operations. */
async function states(seed: number, skipSync: PowerDisk['skipSync'] = null): Promise<State[]> {
  const random = generator(seed)
  const found: State[] = []
  let disk = powerDisk()
  const acknowledged: string[] = []
  const checkpoints: string[] = []
  for (let run = 0; run < 2; run += 1) {
    disk.skipSync = skipSync
    let steps = 0
    let every = 1 + Math.floor(random() * 20)
    disk.onStep = () => {
      steps += 1
      if (steps < every) return
      steps = 0
      every = 5 + Math.floor(random() * 40)
      const chance = [0, 0.3, 0.9][Math.floor(random() * 3)]!
      found.push({
        disk: disk.cut(random, chance),
        acknowledged: [...acknowledged],
        checkpoints: checkpoints.slice(-1),
      })
    }
    const log = await openAuditLog({ ...OPTIONS, files: disk })
    const first: string[] = []
    for (let at = 0; at < log.size; ) {
      const leaves = await readLeaves(disk, OPTIONS.dataDir, at, log.size)
      first.push(...leaves.map(String))
      at += leaves.length
    }
    acknowledged.splice(0, acknowledged.length, ...first)
    const forgetEntries = log.onDurable(batch =>
      acknowledged.push(...batch.entries.map(entry => String(entry.leaf))),
    )
    const forgetCheckpoints = log.onCheckpoint(({ note }) => checkpoints.push(note))
    await log.append(intent(5000))
    for (let number = 0; number < 150; number += 5) {
      const burst = Array.from({ length: 5 }, (_, at) =>
        recordCall(log, number + at, { session: `s-${at}`, response: body('z'.repeat(300)) }),
      )
      burst.push(log.append(frame(5000, body('y'.repeat(500)))).then(() => {}))
      await Promise.all(burst)
      if (number % 20 === 0) await log.publish()
    }
    if (run === 0) {
      // The power goes for real; the second run starts from what is left.
      const left = disk.cut(random, 0.5)
      disk.onStep = null
      forgetCheckpoints()
      forgetEntries() // what this dead process does from here on was promised to nobody
      await log.close()
      disk = powerDisk(left)
    } else {
      await log.append(outcome(5000))
      await log.close()
    }
  }
  return found
}

/** Null when the state keeps every promise; else what it broke. */
async function broken(state: State, t: { after(clean: () => void): unknown }): Promise<string | null> {
  try {
    const log = await openAuditLog({ ...OPTIONS, files: state.disk })
    await log.close()
    for (let at = 0; at < state.acknowledged.length; ) {
      const leaves = await readLeaves(state.disk, OPTIONS.dataDir, at, log.size)
      for (const [offset, leaf] of leaves.entries()) {
        const promised = state.acknowledged[at + offset]
        if (promised !== undefined && promised !== String(leaf)) return `entry ${at + offset} is another one`
      }
      at += leaves.length
    }
    const directory = scratch(t)
    state.disk.dump(OPTIONS.dataDir, directory)
    const report = verifyLog({
      directory,
      vkey: log.vkey,
      oldCheckpoints: state.checkpoints,
      keyFile: join(directory, 'secrets/kek'),
    })
    const failed = report.checks.filter(check => check.status === 'failed')
    return failed.length === 0 ? null : JSON.stringify(failed[0])
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

describe('after a power cut at any moment', () => {
  test('everything acknowledged and every checkpoint handed out is still there, and the log verifies', async t => {
    let checked = 0
    for (const seed of [1, 2]) {
      for (const state of await states(seed)) {
        assert.equal(await broken(state, t), null, `seed ${seed}, state ${checked}`)
        checked += 1
      }
    }
    assert.ok(checked > 60, `${checked} states`)
  })

  for (const [name, skip] of [
    ['of segments', (kind, path) => kind === 'file' && path.endsWith('.seg')],
    ['of the write-ahead file', (kind, path) => kind === 'file' && path.includes('/wal/')],
    ['of the directory of segments', (kind, path) => kind === 'directory' && path.endsWith('/segments')],
    ['of the directory of write-ahead files', (kind, path) => kind === 'directory' && path.endsWith('/wal')],
    ['of tiles', (kind, path) => kind === 'file' && path.includes('/tile/')],
    ['of directories of tiles', (kind, path) => kind === 'directory' && path.includes('/tile')],
    ['of the checkpoint', (kind, path) => kind === 'file' && path.includes('/checkpoint')],
    ['of keys', (kind, path) => kind === 'file' && path.includes('/keys/')],
    ['of the directory of keys', (kind, path) => kind === 'directory' && path.endsWith('/keys')],
    ['of the directory of the log', (kind, path) => kind === 'directory' && path.endsWith('/log')],
  ] as [string, NonNullable<PowerDisk['skipSync']>][]) {
    test(`without the sync ${name} something is lost`, async t => {
      for (const seed of [3, 4, 5]) {
        const found = await states(seed, skip).catch(() => null)
        if (found === null) return // its second run could not even open what the first one left
        for (const state of found) if ((await broken(state, t)) !== null) return
      }
      assert.fail('no state shows that this sync is needed')
    })
  }
})
