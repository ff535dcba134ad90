import assert from 'node:assert/strict'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readWhole } from '../../src/audit/files/whole.ts'
import { dayOf } from '../../src/audit/keys/epochs.ts'
import { signatureLine } from '../../src/audit/log/note.ts'
import { readLeaves } from '../../src/audit/log/read.ts'
import { type OpenAuditLog, openAuditLog } from '../../src/audit/open.ts'
import { body, frame, intent, maskedBody, outcome, recordCall } from '../../src/audit/testing/calls.ts'
import { type MemoryDisk, memoryDisk } from '../../src/audit/testing/memory.ts'
import { type PowerDisk, powerDisk, type SyncSite } from '../../src/audit/testing/power.ts'
import { type Report, verifyLog } from '../../src/audit/verify.ts'
import { cosignedFiles, WITNESSES } from '../../src/audit/witnesses/cosigned.ts'
import { fileKeyEncryption } from '../../src/keys/file-key.ts'

const AUDIT = join(import.meta.dirname, '..', '..', 'src', 'audit')
const DIRECTORY = '/srv/data/log'
const OPTIONS = {
  dataDir: DIRECTORY,
  origin: 'sallyport.example/log',
  checkpointInterval: 2,
  // A disk in memory never hangs; the machine that runs this may be slow.
  deadline: 60_000,
}
const HOUR = 3_600_000

/** Where the key-encryption key lives: in a file of the log's own disk, or elsewhere. */
type Keys = 'file' | 'elsewhere'

const elsewhere = memoryDisk()

/** What two witnesses answered; their keys are not asked for here. */
const WITNESS_LINES = new Map(
  ['a.example/w', 'b.example/w'].map((name, at) => [
    `${name}+key`,
    signatureLine(name, Buffer.alloc(4, at + 1), Buffer.alloc(72, at)),
  ]),
)

async function optionsOf(keys: Keys) {
  if (keys === 'file') return OPTIONS
  return { ...OPTIONS, keyEncryption: await fileKeyEncryption(elsewhere, '/kms/kek', true) }
}

interface State {
  readonly disk: MemoryDisk
  readonly keys: Keys
  /** What had been promised when the power went. */
  readonly acknowledged: readonly string[]
  readonly checkpoints: readonly string[]
  /** Keys of which it was said that they are destroyed. */
  readonly destroyed: readonly string[]
  /** Entries below the newest checkpoint of which cosignatures were told. */
  readonly cosigned: number
}

/** Deterministic, so that a red run can be run again. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 0x1_0000_0000
  }
}

/**
 * Days of a gateway in small: four runs after each other, each but the last ended by a power cut from which the next
 * recovers. Every few operations of the disk, those of recovery included, the power is cut in a copy as well.
 */
async function* states(seed: number, skipSync: PowerDisk['skipSync'] = null): AsyncGenerator<State> {
  const random = generator(seed)
  // Full tiles that only the write-ahead file makes durable, and such that must stand before it gives way.
  const walBytes = seed % 8 === 1 ? 40_000 : 10_000_000
  // What a recovery cuts off at the end of a segment must stay away although the next batch opens another one.
  const mixed = seed % 4 === 3
  const keys = seed % 2 === 0 ? 'elsewhere' : 'file'
  let disk = powerDisk()
  let now = Date.parse('2026-01-01T00:00:00Z')
  const acknowledged: string[] = []
  const checkpoints: string[] = []
  const destroyed: string[] = []
  let cosigned = -1
  for (let run = 0; run < 4; run += 1) {
    const found: State[] = []
    const isLast = run === 3
    /** What the power failure that ends this run leaves; from then on the process is dead and promises nothing. */
    let left: MemoryDisk | null = null
    disk.skipSync = skipSync
    let every = 1 + Math.floor(random() * 10)
    // Some processes die while they open the log; the others in the middle of their last writes.
    let remaining = !isLast && seed % 4 === 2 ? 1 + Math.floor(random() * 40) : Number.POSITIVE_INFINITY
    disk.onStep = () => {
      if (left !== null) return
      every -= 1
      if (every <= 0) {
        every = 3 + Math.floor(random() * 20)
        const chance = [0, 0.3, 0.6, 0.9][Math.floor(random() * 4)]!
        found.push({
          disk: disk.cut(random, chance),
          keys,
          acknowledged: [...acknowledged],
          checkpoints: checkpoints.slice(-1),
          destroyed: [...destroyed],
          cosigned,
        })
      }
      remaining -= 1
      if (remaining <= 0) left = disk.cut(random, 0.5)
    }
    const files = disk
    // Another size of segments may come with another version.
    const sizes = mixed ? [[1_000_000, 10_000][run % 2]!] : [10_000, 30_000, 120_000]
    const segmentBytes = sizes[Math.floor(random() * sizes.length)]!
    const log = await openAuditLog({
      ...(await optionsOf(keys)),
      segmentBytes,
      walBytes,
      files,
      clock: () => now,
    })
    const first = await allLeaves(disk, log.size)
    const lost = acknowledged.findIndex((leaf, at) => first[at] !== leaf)
    if (lost >= 0) throw new Error(`entry ${lost} was lost between two runs`)
    const promise = (leaves: string[]) => {
      if (left === null) acknowledged.push(...leaves)
    }
    promise(first.slice(acknowledged.length))
    log.onDurable(batch => promise(batch.entries.map(entry => String(entry.leaf))))
    log.onCheckpoint(({ note }) => {
      if (left === null) checkpoints.push(note)
    })
    // Long enough for full tiles and a new write-ahead file within one run, now and then.
    const calls = seed % 4 === 2 ? 5 : seed % 4 === 1 && run === 0 ? 160 : 25
    const long = 5000 + run
    await log.append(intent(long))
    for (let number = 0; number < calls; number += 5) {
      now += HOUR // so that the keys of coming days are made beside the writes
      const burst = Array.from({ length: 5 }, (_, at) =>
        recordCall(log, run * 1000 + number + at, {
          session: `s-${at}`,
          response: at < 4 ? body('z'.repeat(300)) : maskedBody(`p=${'s'.repeat(300)}`, ['s'.repeat(300)]),
        }),
      )
      burst.push(log.append(frame(long, body('y'.repeat(1500)))).then(() => {}))
      await Promise.all(burst)
      if (number % 20 > 0) continue
      const { note, size } = await log.publish()
      await cosignedFiles(files, DIRECTORY, log.vkey).write(note, WITNESS_LINES, true)
      if (left === null) cosigned = size
      const over = (await log.epochs.list()).find(id => dayOf(id) < log.keyDay)
      if (over === undefined) continue
      await log.epochs.retire(over)
      await finishShred(log, over)
      if (left === null) destroyed.push(over)
    }
    if (!isLast) {
      remaining = Math.min(remaining, 1 + Math.floor(random() * 8))
      // Larger than what the write-ahead file carries, every other time.
      const last = body('x'.repeat(mixed || random() < 0.5 ? 80_000 : 800))
      await Promise.all(
        Array.from({ length: 4 }, (_, at) => recordCall(log, run * 1000 + 900 + at, { response: last })),
      )
    } else await log.append(outcome(long))
    await log.close()
    if (!isLast) disk = powerDisk(left ?? disk.cut(random, 0.5))
    yield* found
  }
}

async function finishShred(log: OpenAuditLog, epoch: string): Promise<void> {
  const { call } = intent(9000)
  const none = { session: null, effect: null, policyDigest: null }
  await log.append({ call, kind: 'key.shred', phase: 'state', ...none, epoch, head: { facts: { epoch } } })
  await log.epochs.destroy(epoch)
}

async function allLeaves(disk: PowerDisk | MemoryDisk, size: number): Promise<string[]> {
  const all: string[] = []
  while (all.length < size) all.push(...(await readLeaves(disk, DIRECTORY, all.length, size)).map(String))
  return all
}

function sizeOf(note: string | undefined): number {
  return note === undefined ? -1 : Number(note.split('\n')[1])
}

// A thousand logs are written for the verifier, which reads real files.
const ROOM = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

function verified(state: State, disk: MemoryDisk, vkey: string): Report {
  const directory = mkdtempSync(join(ROOM, 'sallyport-power-'))
  try {
    disk.dump(DIRECTORY, directory)
    if (state.keys === 'elsewhere') elsewhere.dump('/kms', join(directory, 'secrets'))
    const keyFile = join(directory, 'secrets/kek')
    return verifyLog({ directory, vkey, oldCheckpoints: state.checkpoints, keyFile })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Null when the state keeps every promise; else what it broke. */
async function broken(state: State): Promise<string | null> {
  try {
    const disk = state.disk.copy()
    const handedOut = sizeOf(state.checkpoints.at(-1))
    const kept = sizeOf((await readWhole(disk, `${DIRECTORY}/checkpoint`))?.toString())
    if (kept < handedOut) return `the checkpoint over ${handedOut} entries was forgotten`
    const names = await disk.list(join(DIRECTORY, 'keys'))
    const back = state.destroyed.find(id => names.some(name => name.startsWith(`${id}.json`)))
    if (back !== undefined) return `the destroyed key ${back} came back`
    const log = await openAuditLog({ ...(await optionsOf(state.keys)), files: disk })
    // As the gateway's next round does: what was put away has its entry, and is gone.
    for (const id of await log.epochs.retired()) await finishShred(log, id)
    await log.close()
    if (state.cosigned >= 0) {
      const stored = await cosignedFiles(disk, DIRECTORY, log.vkey).read()
      if (stored === null || stored.size < state.cosigned) return 'a cosigned checkpoint was forgotten'
      const notes = (await disk.list(join(DIRECTORY, WITNESSES))).filter(name => !name.endsWith('.tmp'))
      for (const name of notes) {
        const note = (await readWhole(disk, join(DIRECTORY, WITNESSES, name)))?.toString()
        if (sizeOf(note) < state.cosigned) return `what the witness ${name} has signed was forgotten`
      }
      if (notes.length < WITNESS_LINES.size) return 'a witness was forgotten'
    }
    const leaves = await allLeaves(disk, log.size)
    const lost = state.acknowledged.findIndex((leaf, at) => leaves[at] !== leaf)
    if (lost >= 0) return `entry ${lost} is gone or another one`
    const report = verified(state, disk, log.vkey)
    const failed = report.checks.filter(check => check.status === 'failed')
    return failed.length === 0 ? null : JSON.stringify(failed[0])
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const nameOf = (site: SyncSite): string => `${site.kind} ${site.frames.join(' < ')}`

/** Every place of the log's code that syncs, itself or through a helper, as the source says: `log/wal.ts:12`. */
function syncsInTheSource(): string[] {
  return globSync('**/*.ts', { cwd: AUDIT }).flatMap(file => {
    if (/\.test\.ts$|^testing\/|^files\/(disk|deadline|files)\.ts$/.test(file)) return []
    const lines = readFileSync(join(AUDIT, file), 'utf8').split('\n')
    return lines.flatMap((line, at) =>
      /(\.datasync|\.writeSynced|\.syncDirectory|await replaceWhole(Durably|Synced))\(/.test(line)
        ? [`${file}:${at + 1}`]
        : [],
    )
  })
}

describe('after a power cut at any moment', () => {
  /** Sites of syncs, and the seeds by which they are reached. */
  const sites = new Map<string, Set<number>>()
  const reached = new Set<string>()
  const meet = (seed: number) => (site: SyncSite) => {
    const seeds = sites.get(nameOf(site)) ?? new Set()
    sites.set(nameOf(site), seeds.add(seed))
    for (const one of site.frames) reached.add(one.split(' ')[0]!)
    return false
  }

  test('everything acknowledged and every checkpoint handed out is still there, and the log verifies', async t => {
    let checked = 0
    for (let seed = 1; checked < 1000; seed += 1) {
      const found = states(seed, meet(seed))
      for await (const state of found) {
        assert.equal(await broken(state), null, `seed ${seed}, state ${checked}`)
        checked += 1
      }
    }
    t.diagnostic(`${checked} states`)
  })

  test('every sync in the source was reached', async () => {
    const source = syncsInTheSource()
    assert.ok(source.length >= 12, `${source.length} places`)
    const missing = () => source.filter(place => !reached.has(place))
    // Processes that die early take the rarer paths of recovery.
    for (let seed = 1002; seed < 1200 && missing().length > 0; seed += 4)
      for await (const _ of states(seed, meet(seed)));
    assert.deepEqual(missing(), [])
  })

  test('without any one of them something is lost', async t => {
    for (const [name, seeds] of [...sites].sort()) {
      await t.test(name, async () => {
        // Of each of the other kinds: new write-ahead files, runs that end while they open, large and small segments.
        const more = Array.from({ length: 60 }, (_, at) => 2001 + 4 * Math.floor(at / 3) + (at % 3))
        // The lives of the first thousand states, then others.
        const known = [...seeds]
        const order = [...known.filter(seed => seed < 1000), ...known.slice(-20).reverse(), ...more]
        for (const seed of new Set(order)) {
          try {
            for await (const state of states(seed, site => nameOf(site) === name))
              if ((await broken(state)) !== null) return
          } catch {
            return // a later run could not even open what an earlier one left
          }
        }
        assert.fail('no state shows that this sync is needed')
      })
    }
  })
})
