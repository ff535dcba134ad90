import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../errors/refusal.ts'
import type { KeyEncryption } from '../keys/key-encryption.ts'
import type { Leaf } from './heads/leaf.ts'
import type { DurableEntry, LogFailure } from './log/contract.ts'
import { openAuditLog } from './open.ts'
import { body, callId, frame, intent, outcome, recordCall, scratch } from './testing/calls.ts'
import { type MemoryDisk, memoryDisk } from './testing/memory.ts'
import { verifyLog } from './verify.ts'

const ORIGIN = 'sallyport.example/log'

function leafOf(entry: DurableEntry): Leaf {
  return JSON.parse(entry.leaf.toString()) as Leaf
}

describe('an open log', () => {
  test('gives each entry its index, in the order of the appends, and tells listeners afterwards', async () => {
    const log = await openAuditLog({ dataDir: '/log', origin: ORIGIN, files: memoryDisk() })
    const seen: DurableEntry[] = []
    log.onDurable(batch => {
      assert.equal(batch.first, batch.entries[0]!.index)
      seen.push(...batch.entries)
    })
    const first = log.size
    const receipts = await Promise.all([log.append(intent(1)), log.append(intent(2)), log.append(outcome(1))])
    assert.deepEqual(
      receipts.map(receipt => receipt.index),
      [first, first + 1, first + 2],
    )
    assert.equal(log.size, first + 3)
    assert.deepEqual(
      seen.map(entry => [leafOf(entry).call, leafOf(entry).phase, leafOf(entry).seq]),
      [
        [callId(1), 'intent', first],
        [callId(2), 'intent', first + 1],
        [callId(1), 'outcome', first + 2],
      ],
    )
    assert.deepEqual(JSON.parse(seen[0]!.head!.toString()), intent(1).head)
    await log.close()
  })

  test('a leaf is under 1 KB and holds no name, whatever the entry holds', async () => {
    const log = await openAuditLog({ dataDir: '/log', origin: ORIGIN, files: memoryDisk() })
    const leaves: Buffer[] = []
    log.onDurable(batch => leaves.push(...batch.entries.map(entry => entry.leaf)))
    await log.append(intent(1, { name: 'n'.repeat(100_000), request: body('x'.repeat(300_000)) }))
    await log.append(outcome(1, { response: body('y'.repeat(300_000), 'sealed') }))
    for (const leaf of leaves) {
      assert.ok(leaf.length < 1024, `${leaf.length} bytes`)
      assert.doesNotMatch(leaf.toString(), /alice|nnn|prod|shop/)
    }
    await log.close()
  })

  test('time grows with each entry, even when the wall clock stands still or goes back', async () => {
    let now = 1_800_000_000_000
    const files = memoryDisk()
    const open = () => openAuditLog({ dataDir: '/log', origin: ORIGIN, files, clock: () => now })
    const times: string[] = []
    for (const step of [0, -3_600_000]) {
      now += step
      const log = await open()
      log.onDurable(batch => times.push(...batch.entries.map(entry => leafOf(entry).time)))
      for (let number = 0; number < 5; number += 1) await recordCall(log, number)
      await log.close()
    }
    assert.deepEqual(times, [...times].sort())
    assert.equal(new Set(times).size, times.length)
  })

  test('refuses what would make the trail false: outcomes and frames without intent, second intents, odd names', async () => {
    const log = await openAuditLog({ dataDir: '/log', origin: ORIGIN, files: memoryDisk() })
    const refused = async (entry: Parameters<typeof log.append>[0]) =>
      assert.rejects(log.append(entry), (error: Refusal) => error.code === 'internal')
    await refused(outcome(1))
    await refused(frame(1, body('x')))
    await log.append(intent(1))
    await refused(intent(1))
    await refused({ ...intent(2), call: '","v":2,"x":"' })
    await refused({ ...intent(2), session: 'a b' })
    await refused({ ...intent(2), policyDigest: 'sha256:zz' })
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    await refused({ ...intent(2), head: { facts: cyclic } })
    await log.append(outcome(1))
    await refused(outcome(1))
    assert.equal(log.sealed, false)
    await log.close()
  })

  test('closing ends open calls, publishes everything and refuses further appends', async t => {
    const directory = scratch(t)
    const log = await openAuditLog({ dataDir: directory, origin: ORIGIN })
    await log.append(intent(1))
    await log.append(frame(1, body('part')))
    await log.close()
    assert.equal(log.checkpoint.size, log.size)
    await assert.rejects(log.append(intent(2)), (error: Refusal) => error.code === 'audit-unavailable')
    assert.equal(verifyLog({ directory, vkey: log.vkey }).ok, true)
    assert.equal(readFileSync(join(directory, 'log.vkey'), 'utf8'), `${log.vkey}\n`)
  })

  test('a second opening of the same directory is refused until the first is closed', async t => {
    const directory = scratch(t)
    const log = await openAuditLog({ dataDir: directory, origin: ORIGIN })
    await assert.rejects(openAuditLog({ dataDir: directory, origin: ORIGIN }), /open in another process/)
    await log.close()
    await (await openAuditLog({ dataDir: directory, origin: ORIGIN })).close()
  })

  test('another origin on an existing log is refused', async () => {
    const files = memoryDisk()
    await (await openAuditLog({ dataDir: '/log', origin: ORIGIN, files })).close()
    await assert.rejects(openAuditLog({ dataDir: '/log', origin: 'other.example/log', files }), /damaged/)
  })

  test('checkpoints follow the interval and never show two roots for one size', async () => {
    const log = await openAuditLog({
      dataDir: '/log',
      origin: ORIGIN,
      files: memoryDisk(),
      checkpointInterval: 5,
    })
    const roots = new Map<number, string>()
    const sizes: number[] = []
    log.onCheckpoint(({ size, root }) => {
      assert.ok(size <= log.size)
      assert.equal(roots.get(size) ?? root.toString('hex'), root.toString('hex'))
      roots.set(size, root.toString('hex'))
      sizes.push(size)
    })
    for (let number = 0; number < 40; number += 1) {
      await recordCall(log, number)
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    await log.close()
    assert.ok(sizes.length > 2)
    assert.deepEqual(
      sizes,
      [...sizes].sort((a, b) => a - b),
    )
    assert.equal(log.checkpoint.size, log.size)
  })

  test('segments and write-ahead files rotate, and everything stays readable and verifiable', async t => {
    const files = memoryDisk()
    const log = await openAuditLog({
      dataDir: '/log',
      origin: ORIGIN,
      files,
      segmentBytes: 40_000,
      walBytes: 60_000,
      checkpointInterval: 5,
    })
    for (let number = 0; number < 400; number += 1) {
      await recordCall(log, number, { session: `s-${number % 5}`, response: body('z'.repeat(500)) })
    }
    await log.close()
    const names = [...files.content.keys()]
    assert.ok(names.filter(name => name.endsWith('.seg')).length > 5)
    assert.ok(names.filter(name => name.endsWith('.wal')).length <= 2, 'old write-ahead files are removed')
    const directory = scratch(t)
    files.dump('/log', directory)
    const report = verifyLog({ directory, vkey: log.vkey, keyFile: join(directory, 'secrets/kek') })
    assert.deepEqual(
      report.checks.filter(check => check.status === 'failed'),
      [],
    )
    assert.equal(report.size, log.size)
  })

  test('any mix of concurrent callers gets distinct indices without a gap, and the log verifies', async t => {
    const step = fc.record({ frames: fc.nat(3), waits: fc.nat(3), bytes: fc.nat(3000), sealed: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async steps => {
        const files = memoryDisk()
        const log = await openAuditLog({ dataDir: '/log', origin: ORIGIN, files, segmentBytes: 20_000 })
        const first = log.size
        const indices: number[] = []
        const call = async (number: number) => {
          const { frames, waits, bytes, sealed } = steps[number]!
          const turn = () => new Promise(resolve => setImmediate(resolve))
          const kept = body('k'.repeat(bytes), sealed ? 'sealed' : 'shown')
          indices.push((await log.append(intent(number, { request: kept }))).index)
          for (let wait = 0; wait < waits; wait += 1) await turn()
          for (let at = 0; at < frames; at += 1) indices.push((await log.append(frame(number, kept))).index)
          indices.push((await log.append(outcome(number, { response: kept }))).index)
        }
        await Promise.all(steps.map((_, number) => call(number)))
        assert.deepEqual(
          indices.sort((a, b) => a - b),
          indices.map((_, at) => first + at),
        )
        await log.close()
        const directory = scratch(t)
        files.dump('/log', directory)
        const report = verifyLog({ directory, vkey: log.vkey, keyFile: join(directory, 'secrets/kek') })
        assert.deepEqual(
          report.checks.filter(check => check.status === 'failed'),
          [],
        )
      }),
      { numRuns: 15 },
    )
  })
})

describe('keys by the day', () => {
  const evening = Date.UTC(2027, 0, 1, 23, 30)
  const dayKeys = (files: MemoryDisk) =>
    [...files.content.keys()].filter(name => name.includes('/keys/')).sort()

  test('the next day has its own keys, prepared before midnight, and old ones are not used again', async t => {
    let now = evening
    const files = memoryDisk()
    const log = await openAuditLog({ dataDir: '/log', origin: ORIGIN, files, clock: () => now })
    await recordCall(log, 1)
    while (dayKeys(files).length < 4) await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(
      dayKeys(files).map(name => name.split('/').at(-1)),
      ['sealed-2027-01-01.json', 'sealed-2027-01-02.json', 'shown-2027-01-01.json', 'shown-2027-01-02.json'],
    )
    now = evening + 3_600_000
    const written: string[] = []
    log.onDurable(batch =>
      written.push(...batch.entries.flatMap(entry => entry.keys?.map(key => key.kid) ?? [])),
    )
    await recordCall(log, 2)
    assert.equal(written.length, 1, 'the session goes on under a new data key')
    await log.close()
    const directory = scratch(t)
    files.dump('/log', directory)
    assert.equal(verifyLog({ directory, vkey: log.vkey, keyFile: join(directory, 'secrets/kek') }).ok, true)
    rmSync(join(directory, 'keys/shown-2027-01-01.json'))
    const shredded = verifyLog({ directory, vkey: log.vkey, keyFile: join(directory, 'secrets/kek') })
    const contents = shredded.checks.find(check => check.name === 'contents')!
    assert.match(contents.places[0]!.problem, /epoch key shown-2027-01-01 is not there/)
    assert.equal(contents.failures < contents.checked, true, 'the second day is still readable')
  })

  test('when the key service is away at midnight the last keys stay in use, and the log says so', async () => {
    let now = evening
    const keyEncryption: KeyEncryption = {
      id: 'test:1',
      async wrap(key, context) {
        if (context.epoch!.endsWith('-02')) throw new Error('the key service is away')
        return Buffer.from(key)
      },
      unwrap: async wrapped => Buffer.from(wrapped),
    }
    const log = await openAuditLog({
      dataDir: '/log',
      origin: ORIGIN,
      files: memoryDisk(),
      clock: () => now,
      keyEncryption,
    })
    await recordCall(log, 1)
    now = evening + 3_600_000
    await recordCall(log, 2)
    while (log.keyFailure === null) await new Promise(resolve => setImmediate(resolve))
    assert.equal(log.keyFailure, 'the key service is away')
    assert.equal(log.sealed, false)
    await log.close()
  })

  test('a key file that others can read is refused', async t => {
    const directory = scratch(t)
    await (await openAuditLog({ dataDir: directory, origin: ORIGIN })).close()
    chmodSync(join(directory, 'secrets/kek'), 0o644)
    await assert.rejects(
      openAuditLog({ dataDir: directory, origin: ORIGIN }),
      /can be read by others.*chmod 600/,
    )
  })
})

describe('a log whose disk fails', () => {
  async function broken(fault: (operation: string, path: string) => void | Promise<void>, deadline = 2000) {
    const files = memoryDisk()
    const log = await openAuditLog({
      dataDir: '/log',
      origin: ORIGIN,
      files,
      deadline,
      checkpointInterval: 20,
    })
    await recordCall(log, 1)
    const told: LogFailure[] = []
    log.onSealed(failure => told.push(failure))
    const touched: string[] = []
    files.fault = (operation, path) => {
      touched.push(`${operation} ${path}`)
      return fault(operation, path)
    }
    return { files, log, told, touched }
  }
  const failing = (code: string, operation: string, part: string) => (op: string, path: string) => {
    if (op === operation && path.includes(part)) throw Object.assign(new Error(code), { code })
  }

  for (const [name, fault, check] of [
    ['a full disk at the segment', failing('ENOSPC', 'write', '/segments/'), 'disk-full'],
    ['a full disk at the write-ahead file', failing('ENOSPC', 'write', '/wal/'), 'disk-full'],
    ['an error of fdatasync of the segment', failing('EIO', 'sync', '/segments/'), 'io-error'],
    ['an error of fdatasync of the write-ahead file', failing('EIO', 'sync', '/wal/'), 'io-error'],
    ['a device that hangs', () => new Promise<void>(() => {}), 'deadline'],
  ] as const) {
    test(`${name} seals it: nothing resolves, listeners learn why, nothing is tried again`, async () => {
      const { log, told, touched } = await broken(fault, 200)
      const size = log.size
      // More than the write-ahead file carries: the segment itself is synced.
      const large = { ...intent(2), request: body('x'.repeat(70_000)) }
      const results = await Promise.allSettled([log.append(large), log.append(intent(3))])
      for (const result of results) {
        assert.equal(result.status, 'rejected')
        assert.ok(result.reason instanceof Refusal)
        assert.equal(result.reason.code, 'audit-unavailable')
        assert.equal(result.reason.check, check)
      }
      assert.equal(log.sealed, true)
      assert.equal(log.failure!.check, check)
      assert.deepEqual(told, [log.failure])
      assert.equal(log.size, size)
      const before = touched.length
      await assert.rejects(log.append(intent(4)), (error: Refusal) => error.code === 'audit-unavailable')
      assert.equal(touched.length, before)
      await log.close()
    })
  }

  test('an error at a tile or a checkpoint seals it as well', async () => {
    for (const part of ['/tile/', '/checkpoint']) {
      const { log } = await broken(failing('EIO', 'write', part))
      const sealed = new Promise(resolve => log.onSealed(resolve))
      await Promise.allSettled([log.append(intent(2))])
      await sealed
      assert.equal(log.failure!.check, 'io-error')
      await log.close()
    }
  })

  test('opens again afterwards with everything that was acknowledged, and says what it cut', async t => {
    const { files, log } = await broken(failing('EIO', 'sync', '/wal/'))
    const acknowledged = log.size
    await assert.rejects(log.append(intent(2)))
    await log.close()
    files.fault = null
    const again = await openAuditLog({ dataDir: '/log', origin: ORIGIN, files })
    assert.ok(again.size >= acknowledged)
    assert.equal(again.recovery.clean, false)
    await again.close()
    const directory = scratch(t)
    files.dump('/log', directory)
    assert.equal(verifyLog({ directory, vkey: again.vkey, keyFile: join(directory, 'secrets/kek') }).ok, true)
    assert.ok(existsSync(join(directory, 'checkpoint')))
  })
})
