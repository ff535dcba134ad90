import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { DurableEntry } from './log/contract.ts'
import { LogDamaged } from './log/damaged.ts'
import { openAuditLog } from './open.ts'
import { body, frame, intent, maskedBody, outcome, recordCall, scratch } from './testing/calls.ts'
import { type MemoryDisk, memoryDisk } from './testing/memory.ts'
import { verifyLog } from './verify.ts'

const ORIGIN = 'sallyport.example/log'
const open = (files: MemoryDisk) => openAuditLog({ dataDir: '/log', origin: ORIGIN, files })

const WAL = /\/wal\/\d+\.wal$/
const SEGMENT = /\.seg$/

/** A log that died with calls under way: entries, a frame, an intent without outcome. */
async function crashed(): Promise<{ files: MemoryDisk; size: number; published: number }> {
  const files = memoryDisk()
  const log = await open(files)
  for (let number = 0; number < 4; number += 1)
    await recordCall(log, number, { response: maskedBody(`r secret-${number}`, [`secret-${number}`]) })
  const published = (await log.publish()).size
  await log.append(intent(10))
  await log.append(frame(10, body('part', 'sealed')))
  await recordCall(log, 11)
  await log.append(intent(12))
  const { size } = log
  await log.flush()
  return { files: files.copy(), size, published }
}

function only(files: MemoryDisk, pattern: RegExp): string {
  const names = [...files.content.keys()].filter(name => pattern.test(name))
  assert.equal(names.length, 1)
  return names[0]!
}

/** Where each frame of the write-ahead file ends, last first, with the number of entries up to there. */
function frameEnds(wal: Buffer): { end: number; entries: number }[] {
  const ends = []
  let entries = 0
  for (let at = wal.indexOf('\n') + 1; at < wal.length; ) {
    if (entries > 0) ends.push({ end: at, entries })
    if (wal.readUInt32BE(at + 8) !== 0xffff_ffff) entries += 1 // else the start, or records
    at += 20 + wal.readUInt32BE(at)
  }
  ends.push({ end: wal.length, entries })
  return ends.reverse()
}

async function verified(t: { after(clean: () => void): unknown }, files: MemoryDisk, vkey: string) {
  const directory = scratch(t)
  files.dump('/log', directory)
  return verifyLog({ directory, vkey, keyFile: join(directory, 'secrets/kek') })
}

describe('recovery', () => {
  test('a clean stop is told from a crash', async () => {
    const files = memoryDisk()
    await (await open(files)).close()
    const again = await open(files)
    assert.equal(again.recovery.clean, true)
    const crash = await open(files.copy())
    assert.equal(crash.recovery.clean, false)
    await crash.close()
    await again.close()
  })

  test('after a crash calls under way get an outcome that says so, and the log verifies', async t => {
    const { files, size } = await crashed()
    const log = await open(files)
    assert.equal(log.recovery.clean, false)
    assert.equal(log.recovery.cutCalls, 2)
    assert.equal(log.size, size + 3, 'one entry of the log itself and two outcomes')
    await log.close()
    const report = await verified(t, files, log.vkey)
    assert.deepEqual(
      report.checks.filter(check => check.status === 'failed'),
      [],
    )
  })

  test('a crash at any byte of the write-ahead tail keeps every whole entry and drops the torn one', async t => {
    const { files, size, published } = await crashed()
    const path = only(files, WAL)
    const wal = files.content.get(path)!
    const ends = frameEnds(wal).filter(({ entries }) => entries >= Math.max(published, size - 3))
    assert.equal(ends[0]!.entries, size)
    const from = ends.at(-1)!.end
    let checked = 0
    // Each byte around the frames' heads and ends, every seventh of what they hold.
    const near = (at: number) => ends.some(({ end }) => at >= end - 40 && at <= end + 80)
    for (let cut = from; cut <= wal.length; cut += near(cut) ? 1 : 7) {
      const copy = files.copy()
      copy.content.set(path, Buffer.from(wal.subarray(0, cut)))
      const whole = Math.max(...ends.filter(({ end }) => end <= cut).map(({ entries }) => entries))
      const seen: DurableEntry[] = []
      const log = await open(copy)
      log.onDurable(batch => seen.push(...batch.entries))
      assert.equal(log.size, whole + 1 + log.recovery.cutCalls, `cut at ${cut}`)
      assert.equal(log.recovery.replayed, whole)
      await log.append(intent(99))
      assert.equal(seen[0]!.index, whole + 1 + log.recovery.cutCalls)
      await log.close()
      checked += 1
      if (checked % 97 === 0) assert.equal((await verified(t, copy, log.vkey)).ok, true, `cut at ${cut}`)
    }
    assert.ok(checked > 500, `${checked} cuts`)
  })

  test('records that no durable entry owns are removed, at any byte', async t => {
    const { files } = await crashed()
    const path = only(files, SEGMENT)
    const segment = files.content.get(path)!
    // The next batch got as far as the segment and no further.
    const later = files.copy()
    const log = await open(later)
    await log.flush()
    const after = later.content.get(path)!.subarray(segment.length, segment.length + 900)
    await log.close()
    for (let extra = 1; extra <= after.length; extra += 13) {
      const copy = files.copy()
      copy.content.set(path, Buffer.concat([segment, after.subarray(0, extra)]))
      const again = await open(copy)
      assert.equal(again.recovery.segmentBytesDropped, extra)
      await again.close()
      if (extra % 5 === 1) assert.equal((await verified(t, copy, again.vkey)).ok, true, `${extra} bytes`)
    }
  })

  test('a hole in durable data is not taken for a torn tail', async () => {
    const { files } = await crashed()
    const path = only(files, WAL)
    const wal = files.content.get(path)!
    const ends = frameEnds(wal)
    const copy = files.copy()
    const hole = Buffer.from(wal)
    hole[ends[4]!.end - 5]! ^= 1
    copy.content.set(path, hole)
    await assert.rejects(open(copy), (error: Error) => {
      assert.ok(error instanceof LogDamaged)
      assert.match(error.message, /although later entries are whole/)
      return true
    })
  })

  test('a segment tail that was not synced comes back from the write-ahead file, whatever became of it', async t => {
    const { files, size } = await crashed()
    const path = only(files, SEGMENT)
    const segment = files.content.get(path)!
    for (let lost = 1; lost < 2000; lost += 61) {
      for (const tail of [Buffer.alloc(0), Buffer.alloc(lost), Buffer.alloc(lost + 500, 0xa5)]) {
        const copy = files.copy()
        copy.content.set(path, Buffer.concat([segment.subarray(0, -lost), tail]))
        const log = await open(copy)
        assert.equal(log.recovery.replayed, size)
        await log.close()
        if (lost % 5 === 1) assert.equal((await verified(t, copy, log.vkey)).ok, true, `${lost} bytes`)
      }
    }
  })

  test('a lost segment tail, a lost segment and a lost write-ahead file are refused', async () => {
    const { files } = await crashed()
    const path = only(files, SEGMENT)
    const short = files.copy()
    const log = await open(short)
    await log.append({ ...intent(20), request: body('x'.repeat(70_000)) }) // too much to be carried
    const torn = short.copy()
    torn.content.set(path, Buffer.from(torn.content.get(path)!.subarray(0, -40)))
    await assert.rejects(open(torn), /was durable: storage lost written data/)
    await log.close()
    const without = files.copy()
    without.content.delete(path)
    await assert.rejects(open(without), /no segment holds entry/)
    const noWal = files.copy()
    noWal.content.delete(only(files, WAL))
    await assert.rejects(open(noWal), /no write-ahead file/)
    const noKey = files.copy()
    noKey.content.delete('/log/secrets/signing-key.pem')
    await assert.rejects(open(noKey), /signing key .* is missing/)
  })

  test('entries that do not give the published root are refused with both roots', async () => {
    const { files, published } = await crashed()
    const path = only(files, WAL)
    const other = await crashed()
    // The same log name and length, other entries: a restored backup of something else.
    const mixed = files.copy()
    mixed.content.set(path, Buffer.from(other.files.content.get(path)!))
    await assert.rejects(open(mixed), (error: Error) => {
      assert.ok(error instanceof LogDamaged)
      assert.equal(error.check, 'root')
      const root = files.content.get('/log/checkpoint')!.toString().split('\n')[2]!
      assert.match(
        error.message,
        new RegExp(`over ${published} entries is \\S{44}, the published checkpoint says`),
      )
      assert.ok(error.message.includes(root))
      return true
    })
  })

  test('tiles that a crash tore are written anew from the write-ahead file', async t => {
    const files = memoryDisk()
    const log = await open(files)
    for (let number = 0; number < 200; number += 1) await recordCall(log, number)
    await log.publish()
    const copy = files.copy()
    for (const name of copy.content.keys())
      if (name.includes('/tile/')) copy.content.set(name, Buffer.from('torn'))
    const again = await open(copy)
    await again.close()
    assert.equal((await verified(t, copy, again.vkey)).ok, true)
  })

  test('kill -9 of a real process loses nothing that it was told is durable', async t => {
    const directory = scratch(t)
    const program = join(directory, 'writer.ts')
    const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
    writeFileSync(
      program,
      `import { openAuditLog } from ${from('./open.ts')}
      import { body, recordCall } from ${from('./testing/calls.ts')}
      const log = await openAuditLog({ dataDir: ${JSON.stringify(join(directory, 'log'))}, origin: '${ORIGIN}' })
      log.onDurable(batch => process.stdout.write(\`\${batch.first + batch.entries.length}\\n\`))
      for (let number = 0; ; number += 8) {
        await Promise.all(Array.from({ length: 8 }, (_, at) => recordCall(log, number + at, { response: body('x') })))
      }`,
    )
    for (let round = 0; round < 2; round += 1) {
      const writer = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
      let told = ''
      for await (const chunk of writer.stdout) {
        told += chunk
        if (told.length > 2000) writer.kill('SIGKILL')
      }
      const acknowledged = Number(told.slice(0, told.lastIndexOf('\n')).split('\n').at(-1))
      const log = await openAuditLog({ dataDir: join(directory, 'log'), origin: ORIGIN })
      assert.equal(log.recovery.clean, false)
      assert.ok(log.size > acknowledged, `${log.size} entries, ${acknowledged} acknowledged`)
      await log.close()
      const report = verifyLog({
        directory: join(directory, 'log'),
        vkey: log.vkey,
        keyFile: join(directory, 'log/secrets/kek'),
      })
      assert.deepEqual(
        report.checks.filter(check => check.status === 'failed'),
        [],
      )
    }
  })

  test('repeated crashes while opening lose nothing', async t => {
    const { files, size } = await crashed()
    let disk = files
    for (let round = 0; round < 6; round += 1) {
      let left = 3 + round * 7
      let snapshot: MemoryDisk | null = null
      disk.fault = () => {
        left -= 1
        if (left === 0) snapshot = disk.copy()
      }
      const log = await open(disk)
      for (let number = 0; number < 130; number += 1) await recordCall(log, 1000 + number)
      disk.fault = null
      disk = snapshot ?? disk.copy()
    }
    const log = await open(disk)
    assert.ok(log.size > size)
    await log.close()
    assert.equal((await verified(t, disk, log.vkey)).ok, true)
  })

  test('an outcome after the crash is refused: the call was closed by the log', async () => {
    const { files } = await crashed()
    const log = await open(files)
    await assert.rejects(log.append(outcome(12)))
    await log.close()
  })
})
