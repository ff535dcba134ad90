import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createCipheriv, createDecipheriv, generateKeyPairSync, hash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileKeyEncryption } from '../keys/file-key.ts'
import type { DeltaFacts, FieldFacts } from './deltas/format.ts'
import { disk } from './files/disk.ts'
import type { Leaf } from './heads/leaf.ts'
import { epochKeys } from './keys/epochs.ts'
import { formatCheckpoint } from './log/checkpoint.ts'
import { type Cosigner, cosigner } from './log/cosignature.ts'
import { type NoteSigner, noteSigner } from './log/note.ts'
import { openPublisher } from './log/publisher.ts'
import { decodeBundle, encodeBundle } from './log/tiles.ts'
import { openAuditLog } from './open.ts'
import { dataKeyring } from './segments/open-records.ts'
import { RecordType } from './segments/record.ts'
import { body, callId, frame, intent, maskedBody, outcome, recordCall, scratch } from './testing/calls.ts'
import { type Place, type Report, verifyLog } from './verify.ts'

const ORIGIN = 'sallyport.example/log'
const clean: (() => void)[] = []
let pristine = ''
let vkey = ''
let oldCheckpoint = ''
let signer: NoteSigner
const [first, second] = ['witness.example/1', 'witness.example/2'].map(name => cosigner(name, newPem())) as [
  Cosigner,
  Cosigner,
]

// 2 × 256 entries and some more, with bodies of both classes, frames, and a body of several frames.
before(async () => {
  pristine = scratch({ after: undo => clean.push(undo) })
  const log = await openAuditLog({ dataDir: pristine, origin: ORIGIN })
  vkey = log.vkey
  for (let number = 0; number < 150; number += 1) {
    await recordCall(log, number, {
      session: `s-${number % 3}`,
      response: body(`{"number":${number}}`, number % 2 === 0 ? 'shown' : 'sealed'),
    })
  }
  oldCheckpoint = (await log.publish()).note
  await log.append(intent(500))
  await log.append(frame(500, body('a'.repeat(200_000))))
  await log.append(frame(500, body('b'.repeat(70_000), 'sealed')))
  await log.append(outcome(500))
  for (let number = 550; number < 556; number += 1) {
    await recordCall(log, number, {
      session: `s-${number % 2}`,
      request: maskedBody(`{"password":"pass-${number}"}`, [`pass-${number}`]),
      response: maskedBody(`{"a":"aaa-${number}","b":"bbb-${number}"}`, [`aaa-${number}`, `bbb-${number}`], {
        keep: number === 555 ? 'fingerprint' : 'raw',
      }),
    })
  }
  for (let number = 600; number < 720; number += 1) await recordCall(log, number)
  await log.close()
  signer = noteSigner(ORIGIN, readFileSync(join(pristine, 'secrets', 'signing-key.pem'), 'latin1'))
})
after(() => {
  for (const undo of clean) undo()
})

interface Attempt {
  readonly directory: string
  readonly bundle: (index: number) => Buffer[]
  readonly putBundle: (index: number, entries: Buffer[]) => void
}

/** A copy of the good log for one mutation. */
function attempt(): Attempt {
  const directory = scratch({ after: undo => clean.push(undo) })
  cpSync(pristine, directory, { recursive: true })
  const path = (index: number) => {
    const name = join(directory, 'tile/entries', String(index).padStart(3, '0'))
    const size = Number(readFileSync(join(pristine, 'checkpoint'), 'utf8').split('\n')[1])
    return size >= (index + 1) * 256 ? name : `${name}.p/${size % 256}`
  }
  return {
    directory,
    bundle: index => decodeBundle(readFileSync(path(index))),
    putBundle: (index, entries) => writeFileSync(path(index), encodeBundle(entries)),
  }
}

interface Given {
  readonly vkey?: string
  readonly old?: string
  readonly keys?: boolean
  readonly witnesses?: readonly Cosigner[]
  readonly quorum?: number
}

function check(directory: string, extra: Given = {}): Report {
  return verifyLog({
    directory,
    vkey: extra.vkey ?? vkey,
    oldCheckpoints: extra.old === undefined ? [] : [extra.old],
    witnesses: (extra.witnesses ?? []).map(one => one.vkey),
    ...(extra.quorum === undefined ? {} : { quorum: extra.quorum }),
    ...(extra.keys === true ? { keyFile: join(directory, 'secrets', 'kek') } : {}),
  })
}

/** The first place of a failed check. */
function place(report: Report, name: string): Place {
  assert.equal(report.ok, false)
  const found = report.checks.find(one => one.name === name)!
  assert.equal(found.status, 'failed', `${name} is ${found.status}, failed: ${failed(report)}`)
  return found.places[0]!
}

function failed(report: Report): string {
  return report.checks
    .filter(one => one.status === 'failed')
    .map(one => one.name)
    .join(' ')
}

function allLeaves(from: Attempt): Buffer[] {
  return [0, 1, 2].flatMap(index => from.bundle(index))
}

function edited(leaf: Buffer, change: Record<string, unknown>): Buffer {
  const fields = { ...JSON.parse(leaf.toString()), ...change } as Record<string, unknown>
  return Buffer.from(
    JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))),
  )
}

/** What somebody with a key can do: new tiles and a new checkpoint over other entries. */
async function rewrite(directory: string, leaves: readonly Buffer[], by: NoteSigner): Promise<void> {
  rmSync(join(directory, 'tile'), { recursive: true })
  const start = { edge: { size: 0, levels: [] }, tail: [], published: null, stale: [] }
  const publisher = openPublisher(disk, directory, by, start, assert.ifError)
  for (const leaf of leaves) publisher.integrate(leaf)
  await publisher.publish()
}

function ownKey(): NoteSigner {
  return noteSigner(ORIGIN, newPem())
}

function newPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** The note with cosignatures, as it lies in `checkpoint.cosigned`. */
function cosignedBy(note: string, ...by: Cosigner[]): string {
  const text = note.slice(0, note.lastIndexOf('\n\n') + 1)
  return note + by.map(one => one.cosign(text, Date.UTC(2026, 0, 2))).join('')
}

function putCosigned(directory: string, note: string): void {
  writeFileSync(join(directory, 'checkpoint.cosigned'), note)
}

/** A copy in which the holder of the key has changed entry 10 and signed everything again. */
async function rewritten(): Promise<Attempt> {
  const x = attempt()
  const leaves = allLeaves(x)
  leaves[10] = edited(leaves[10]!, { effect: 'hold' })
  await rewrite(x.directory, leaves, signer)
  return x
}

/** Offsets of the records of a segment: [type, seq, from, to]. */
function records(segment: Buffer): { type: number; seq: number; from: number; to: number }[] {
  const found = []
  for (let at = segment.indexOf('\n') + 1; at < segment.length; ) {
    const to = at + 4 + segment.readUInt32BE(at)
    found.push({ type: segment[at + 4]!, seq: segment.readUInt32BE(at + 16), from: at, to })
    at = to
  }
  return found
}

const SEGMENT = 'segments/0000000000000000.seg'

/** Exchanges the encrypted payloads of two records of equal length, as an owner of the disk could. */
function exchange(directory: string, type: number, first: number, second: number): void {
  const segment = readFileSync(join(directory, SEGMENT))
  const [a, b] = [first, second].map(
    seq => records(segment).find(one => one.type === type && one.seq === seq)!,
  )
  assert.equal(a!.to - a!.from, b!.to - b!.from)
  // The header keeps its entry number; what follows is exchanged.
  const start = 4 + 16
  const held = Buffer.from(segment.subarray(a!.from + start, a!.to))
  segment.copy(segment, a!.from + start, b!.from + start, b!.to)
  held.copy(segment, b!.from + start)
  writeFileSync(join(directory, SEGMENT), segment)
}

/** What a writer of the log could do that lies: another list of masked values, committed to and signed. */
async function forgedDelta(change: (facts: DeltaFacts) => DeltaFacts): Promise<Report> {
  const x = attempt()
  const segment = readFileSync(join(x.directory, SEGMENT))
  const all = records(segment)
  const target = all.find(one => one.type === RecordType.responseDelta)!
  const payload = segment.subarray(target.from + 4, target.to)
  const kek = await fileKeyEncryption(disk, join(x.directory, 'secrets', 'kek'), false)
  const keyring = dataKeyring(ORIGIN, epochKeys(disk, x.directory, ORIGIN, kek).find)
  for (const one of all) if (one.type === 1) await keyring.learn(segment.subarray(one.from + 4, one.to))
  const { key, session } = keyring.valueKey(
    payload.toString('hex', 16, 32),
    RecordType.responseDelta,
    target.seq,
  )!
  const context = Buffer.concat([Buffer.from(`${ORIGIN}|${session}|`), payload.subarray(0, 32)])
  const decipher = createDecipheriv('aes-256-gcm', key, payload.subarray(32, 44))
  decipher.setAAD(context)
  const plain = decipher.update(payload.subarray(44, -16))
  const end = plain.indexOf(10, 16)
  const facts = JSON.stringify(change(JSON.parse(plain.toString('utf8', 16, end)) as DeltaFacts))
  const forged = Buffer.concat([plain.subarray(0, 16), Buffer.from(facts), plain.subarray(end)])
  const cipher = createCipheriv('aes-256-gcm', key, payload.subarray(32, 44))
  cipher.setAAD(context)
  const sealed = Buffer.concat([
    payload.subarray(0, 44),
    cipher.update(forged),
    cipher.final(),
    cipher.getAuthTag(),
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(sealed.length)
  writeFileSync(
    join(x.directory, SEGMENT),
    Buffer.concat([segment.subarray(0, target.from), length, sealed, segment.subarray(target.to)]),
  )
  const leaves = allLeaves(x)
  const { responseDelta } = JSON.parse(leaves[target.seq]!.toString()) as Leaf
  const ct = hash('sha256', sealed, 'base64url')
  const pt = hash('sha256', forged, 'base64url')
  leaves[target.seq] = edited(leaves[target.seq]!, { responseDelta: { ct, n: responseDelta!.n, pt } })
  await rewrite(x.directory, leaves, signer)
  return check(x.directory, { keys: true })
}

describe('verify with witnesses', () => {
  const notesOf = (report: Report) => report.notes.join('\n')

  test('rewritten whole and signed again: honestly unwitnessed without, red against a cosigned or a kept checkpoint', async () => {
    const x = await rewritten()
    const alone = check(x.directory)
    assert.equal(alone.ok, true)
    assert.match(notesOf(alone), /^unwitnessed: whoever holds the key/m)
    assert.equal(alone.checks.find(one => one.name === 'witnesses')!.status, 'skipped')
    // The forger takes the cosignatures away: the witness is missed.
    const stripped = check(x.directory, { witnesses: [first] })
    assert.equal(failed(stripped), 'witnesses')
    assert.match(place(stripped, 'witnesses').problem, /0 of 1 witnesses have cosigned it, 1 must/)
    // He leaves them: they contradict the tree, whether anybody asks for the witness or not.
    putCosigned(x.directory, cosignedBy(oldCheckpoint, first))
    assert.equal(failed(check(x.directory)), 'consistency')
    const red = check(x.directory, { witnesses: [first] })
    assert.equal(failed(red), 'consistency')
    assert.match(place(red, 'consistency').problem, /checkpoint\.cosigned says/)
    // The auditor has fetched it from the witness himself.
    rmSync(join(x.directory, 'checkpoint.cosigned'))
    const fetched = check(x.directory, { old: cosignedBy(oldCheckpoint, first), witnesses: [first] })
    assert.equal(failed(fetched), 'consistency')
    assert.equal(failed(check(x.directory, { old: oldCheckpoint })), 'consistency')
  })

  test('a cosignature moved onto the rewritten checkpoint is wrong', async () => {
    const x = await rewritten()
    const forged = readFileSync(join(x.directory, 'checkpoint'), 'utf8')
    const line = cosignedBy(readFileSync(join(pristine, 'checkpoint'), 'utf8'), first)
      .split('\n')
      .at(-2)
    putCosigned(x.directory, `${forged}${line}\n`)
    const report = check(x.directory, { witnesses: [first] })
    assert.match(
      place(report, 'witnesses').problem,
      /checkpoint\.cosigned: the cosignature of witness\.example\/1 is wrong/,
    )
  })

  test('a cosigned checkpoint signed by another key than the log’s does not count', async () => {
    const x = attempt()
    const note = readFileSync(join(x.directory, 'checkpoint'), 'utf8')
    putCosigned(x.directory, cosignedBy(ownKey().sign(note.slice(0, note.lastIndexOf('\n\n') + 1)), first))
    const report = check(x.directory, { witnesses: [first] })
    assert.match(
      place(report, 'signature').problem,
      /the cosigned checkpoint carries no signature of this key/,
    )
    place(report, 'witnesses')
  })

  test('the log cut back below what was cosigned is red', () => {
    const x = attempt()
    putCosigned(x.directory, cosignedBy(readFileSync(join(x.directory, 'checkpoint'), 'utf8'), first))
    writeFileSync(join(x.directory, 'checkpoint'), oldCheckpoint)
    const report = check(x.directory, { witnesses: [first] })
    assert.match(
      place(report, 'consistency').problem,
      /checkpoint\.cosigned covers \d+ entries, this one only/,
    )
  })

  test('quorum: so many witnesses must have cosigned, wherever their notes lie; the tail is named', () => {
    const x = attempt()
    putCosigned(x.directory, cosignedBy(oldCheckpoint, first))
    mkdirSync(join(x.directory, 'witnesses'))
    const newest = readFileSync(join(x.directory, 'checkpoint'), 'utf8')
    writeFileSync(join(x.directory, 'witnesses', 'ab'), cosignedBy(newest, second))
    const [oldSize, size] = [oldCheckpoint, newest].map(note => note.split('\n')[1])
    const both = check(x.directory, { witnesses: [first, second] })
    assert.equal(both.ok, true)
    assert.match(notesOf(both), new RegExp(`^unwitnessed: the entries from ${oldSize} on$`, 'm'))
    assert.match(
      notesOf(both),
      new RegExp(`witness.example/2 has cosigned ${size} of ${size} entries, at 2026-01-02T00:00:00`),
    )
    assert.doesNotMatch(notesOf(check(x.directory, { witnesses: [first, second], quorum: 1 })), /unwitnessed/)
    const third = cosigner('witness.example/3', newPem())
    assert.equal(failed(check(x.directory, { witnesses: [first, third] })), 'witnesses')
    assert.equal(check(x.directory, { witnesses: [first, third], quorum: 1 }).ok, true)
    // One witness given twice is one witness.
    assert.throws(() => check(x.directory, { witnesses: [first, first], quorum: 2 }), RangeError)
    for (const quorum of [0, 3, 1.5])
      assert.throws(() => check(x.directory, { witnesses: [first, second], quorum }), RangeError)
  })

  test('another key of the same name is another witness, and the key of a log is none', () => {
    const x = attempt()
    putCosigned(x.directory, cosignedBy(oldCheckpoint, first))
    assert.equal(failed(check(x.directory, { witnesses: [cosigner(first.name, newPem())] })), 'witnesses')
    assert.throws(
      () => verifyLog({ directory: x.directory, vkey, witnesses: [vkey] }),
      /not an Ed25519 verifier key of a witness/,
    )
  })
})

describe('verify', () => {
  test('is green on what the log wrote: alone, against an old checkpoint, with keys, without segments', () => {
    assert.deepEqual(failed(check(pristine)), '')
    const full = check(pristine, { old: cosignedBy(oldCheckpoint, first), keys: true, witnesses: [first] })
    assert.equal(full.ok, true, failed(full))
    assert.deepEqual(
      full.checks.filter(one => one.status !== 'ok').map(one => one.name),
      [],
    )
    const { directory } = attempt()
    rmSync(join(directory, 'segments'), { recursive: true })
    const bare = check(directory, { old: oldCheckpoint })
    assert.equal(bare.ok, true)
    assert.equal(bare.checks.find(one => one.name === 'records')!.status, 'skipped')
  })

  test('an edited leaf is named', () => {
    const x = attempt()
    const entries = x.bundle(1)
    entries[44] = edited(entries[44]!, { effect: 'deny' })
    x.putBundle(1, entries)
    const report = check(x.directory)
    assert.equal(place(report, 'tiles').entry, 300)
    assert.equal(place(report, 'tiles').file, 'tile/0/001')
    place(report, 'root')
  })

  test('an edited leaf with its tile made to fit is found one level up', async () => {
    const x = attempt()
    const entries = x.bundle(1)
    entries[44] = edited(entries[44]!, { effect: 'deny' })
    x.putBundle(1, entries)
    const forged = scratch({ after: undo => clean.push(undo) })
    cpSync(x.directory, forged, { recursive: true })
    await rewrite(forged, allLeaves(x), ownKey())
    cpSync(join(forged, 'tile/0/001'), join(x.directory, 'tile/0/001'))
    const report = check(x.directory)
    const found = place(report, 'tiles')
    assert.match(found.file!, /^tile\/1\/000/)
    assert.match(found.problem, /entries 256 to 511/)
  })

  test('an edited leaf with all tiles made to fit contradicts the signed root', async () => {
    const x = attempt()
    const note = readFileSync(join(x.directory, 'checkpoint'))
    const leaves = allLeaves(x)
    leaves[300] = edited(leaves[300]!, { effect: 'deny' })
    await rewrite(x.directory, leaves, ownKey())
    writeFileSync(join(x.directory, 'checkpoint'), note)
    const report = check(x.directory)
    assert.equal(failed(report), 'root')
    assert.match(place(report, 'root').problem, /the checkpoint says/)
  })

  test('a deleted entry is named', () => {
    const x = attempt()
    const entries = x.bundle(0)
    entries.splice(17, 1)
    x.putBundle(0, entries)
    const report = check(x.directory)
    assert.equal(place(report, 'sequence').entry, 17)
    assert.equal(place(report, 'entries').entry, 255)
    assert.equal(place(report, 'tiles').entry, 17)
  })

  test('two swapped entries are named', () => {
    const x = attempt()
    const entries = x.bundle(0)
    ;[entries[20], entries[21]] = [entries[21]!, entries[20]!]
    x.putBundle(0, entries)
    const report = check(x.directory)
    assert.equal(place(report, 'sequence').entry, 20)
    assert.equal(place(report, 'time').entry, 21)
  })

  test('a cut tail is named', () => {
    const x = attempt()
    const entries = x.bundle(2)
    x.putBundle(2, entries.slice(0, 5))
    assert.equal(place(check(x.directory), 'entries').entry, 512 + 5)
  })

  test('a missing bundle and a missing tile are named', () => {
    const x = attempt()
    rmSync(join(x.directory, 'tile/entries/001'))
    assert.equal(place(check(x.directory), 'entries').file, 'tile/entries/001')
    const y = attempt()
    rmSync(join(y.directory, 'tile/0/001'))
    assert.equal(place(check(y.directory), 'tiles').file, 'tile/0/001')
  })

  test('a fork signed by another key fails on the signature', async () => {
    const x = attempt()
    await rewrite(x.directory, allLeaves(x).slice(0, 400), ownKey())
    const report = check(x.directory)
    assert.match(place(report, 'signature').problem, /no signature of this key/)
  })

  test('a replayed old checkpoint fails against a newer one that was kept', () => {
    const x = attempt()
    const kept = readFileSync(join(x.directory, 'checkpoint'), 'utf8')
    writeFileSync(join(x.directory, 'checkpoint'), oldCheckpoint)
    const report = check(x.directory, { old: kept })
    assert.match(place(report, 'consistency').problem, /covers \d+ entries, this one only/)
  })

  test('a log rewritten and signed again by the holder of the key is green alone and red against a kept checkpoint', async () => {
    const x = attempt()
    const leaves = allLeaves(x)
    leaves[10] = edited(leaves[10]!, { effect: 'hold' })
    await rewrite(x.directory, leaves, signer)
    assert.equal(check(x.directory).ok, true)
    const report = check(x.directory, { old: oldCheckpoint })
    assert.equal(failed(report), 'consistency')
    assert.equal(place(report, 'consistency').entry, Number(oldCheckpoint.split('\n')[1]))
  })

  test('an entry taken out by the holder of the key leaves a gap', async () => {
    const x = attempt()
    const leaves = allLeaves(x)
    leaves.splice(33, 1)
    await rewrite(x.directory, leaves, signer)
    assert.equal(place(check(x.directory), 'sequence').entry, 33)
  })

  test('an intent without an outcome is named, also when signed', async () => {
    const x = attempt()
    const leaves = allLeaves(x)
    const at = leaves.findIndex(leaf => leaf.includes(callId(650)) && leaf.includes('"phase":"intent"'))
    leaves[at + 1] = edited(leaves[at + 1]!, { phase: 'state', frames: undefined })
    await rewrite(x.directory, leaves, signer)
    const found = place(check(x.directory), 'outcomes')
    assert.equal(found.entry, at)
    assert.equal(found.call, callId(650))
  })

  test('an outcome without an intent is named', async () => {
    const x = attempt()
    const leaves = allLeaves(x)
    const at = leaves.findIndex(leaf => leaf.includes(callId(650)))
    leaves[at] = edited(leaves[at]!, { phase: 'state' })
    await rewrite(x.directory, leaves, signer)
    assert.equal(place(check(x.directory), 'intents').entry, at + 1)
  })

  test('a frame out of count is named', async () => {
    const x = attempt()
    const leaves = allLeaves(x)
    const at = leaves.findIndex(leaf => leaf.includes('"frame":1'))
    leaves[at] = edited(leaves[at]!, { frame: 2 })
    await rewrite(x.directory, leaves, signer)
    assert.equal(place(check(x.directory), 'intents').entry, at)
  })

  test('time going back is named', async () => {
    const x = attempt()
    const leaves = allLeaves(x)
    leaves[40] = edited(leaves[40]!, { time: '2001-01-01T00:00:00.000000000Z' })
    await rewrite(x.directory, leaves, signer)
    assert.equal(place(check(x.directory), 'time').entry, 40)
  })

  test('a leaf that is not canonical is named', async () => {
    const x = attempt()
    const leaves = allLeaves(x)
    leaves[40] = Buffer.from(leaves[40]!.toString().replace('{', '{ '))
    await rewrite(x.directory, leaves, signer)
    assert.equal(place(check(x.directory), 'form').entry, 40)
  })

  test('the key of another log, another key of the same name, another origin in the text', async () => {
    place(check(pristine, { vkey: ownKey().vkey }), 'signature')
    const other = noteSigner(
      'other.example/log',
      readFileSync(join(pristine, 'secrets/signing-key.pem'), 'latin1'),
    )
    const report = check(pristine, { vkey: other.vkey })
    place(report, 'signature')
    assert.match(
      place(report, 'origin').problem,
      /is of sallyport\.example\/log, the key of other\.example\/log/,
    )
    const x = attempt()
    const [, size, root] = readFileSync(join(x.directory, 'checkpoint'), 'utf8').split('\n')
    const text = formatCheckpoint({
      origin: 'other.example/log',
      size: Number(size),
      root: Buffer.from(root!, 'base64'),
    })
    writeFileSync(join(x.directory, 'checkpoint'), signer.sign(text))
    assert.equal(failed(check(x.directory)), 'origin')
  })

  test('an edited tile is named with its byte', () => {
    const x = attempt()
    const tile = readFileSync(join(x.directory, 'tile/0/001'))
    tile[32 * 7 + 3]! ^= 1
    writeFileSync(join(x.directory, 'tile/0/001'), tile)
    const found = place(check(x.directory), 'tiles')
    assert.deepEqual([found.file, found.offset, found.entry], ['tile/0/001', 32 * 7, 263])
  })

  test('an edited checkpoint fails on the signature', () => {
    const x = attempt()
    const note = readFileSync(join(x.directory, 'checkpoint'), 'utf8')
    const size = note.split('\n')[1]!
    writeFileSync(join(x.directory, 'checkpoint'), note.replace(`\n${size}\n`, `\n${Number(size) - 1}\n`))
    assert.match(place(check(x.directory), 'signature').problem, /wrong signature/)
    rmSync(join(x.directory, 'checkpoint'))
    assert.match(place(check(x.directory), 'signature').problem, /there is no checkpoint/)
  })

  test('swapped bodies and swapped heads are named', () => {
    const x = attempt()
    const segment = readFileSync(join(x.directory, SEGMENT))
    const bodies = records(segment).filter(one => one.type === 4)
    exchange(x.directory, 4, bodies[20]!.seq, bodies[22]!.seq)
    const report = check(x.directory)
    assert.equal(place(report, 'records').entry, bodies[20]!.seq)
    assert.match(place(report, 'records').problem, /encrypted response is not the committed one/)
    assert.equal(report.checks.find(one => one.name === 'records')!.failures, 2)

    const y = attempt()
    const heads = records(segment).filter(one => one.type === 2 && one.to - one.from > 400)
    const twin = heads.slice(12).find(one => one.to - one.from === heads[11]!.to - heads[11]!.from)!
    exchange(y.directory, 2, heads[11]!.seq, twin.seq)
    assert.equal(place(check(y.directory), 'records').entry, heads[11]!.seq)
  })

  test('one flipped bit of a record is named with its byte, and with keys does not decrypt', () => {
    const x = attempt()
    const segment = readFileSync(join(x.directory, SEGMENT))
    const record = records(segment).find(one => one.type === 4 && one.seq > 100)!
    segment[record.to - 20]! ^= 1
    writeFileSync(join(x.directory, SEGMENT), segment)
    const report = check(x.directory, { keys: true })
    assert.deepEqual(
      [place(report, 'records').entry, place(report, 'records').file, place(report, 'records').offset],
      [record.seq, SEGMENT, record.from],
    )
    assert.match(place(report, 'contents').problem, /does not decrypt/)
  })

  test('a cut segment, a removed record and a removed segment are named', () => {
    const x = attempt()
    const segment = readFileSync(join(x.directory, SEGMENT))
    const record = records(segment).find(one => one.type === 2 && one.seq > 400)!
    truncateSync(join(x.directory, SEGMENT), record.from + 30)
    const cut = check(x.directory)
    assert.deepEqual([place(cut, 'records').file, place(cut, 'records').offset], [SEGMENT, record.from])
    const y = attempt()
    writeFileSync(
      join(y.directory, SEGMENT),
      Buffer.concat([segment.subarray(0, record.from), segment.subarray(record.to)]),
    )
    assert.deepEqual(place(check(y.directory), 'records'), {
      problem: 'the head is missing',
      entry: record.seq,
      call: JSON.parse(allLeaves(y)[record.seq]!.toString()).call,
    })
    const z = attempt()
    rmSync(join(z.directory, SEGMENT))
    assert.equal(place(check(z.directory), 'records').entry, 0)
  })

  test('a record that no entry commits to is named', () => {
    const x = attempt()
    const segment = readFileSync(join(x.directory, SEGMENT))
    const record = records(segment).find(one => one.type === 4 && one.seq > 100)!
    const twice = segment.subarray(record.from, record.to)
    twice[4] = 3
    writeFileSync(
      join(x.directory, SEGMENT),
      Buffer.concat([segment.subarray(0, record.to), twice, segment.subarray(record.to)]),
    )
    assert.match(place(check(x.directory), 'records').problem, /no entry commits/)
  })

  test('a masked body whose values were moved, changed or cut, or whose digest is of another original, is red', () => {
    const deltas = (type: number) =>
      records(readFileSync(join(pristine, SEGMENT))).filter(one => one.type === type)
    const masked = deltas(6)
    assert.ok(deltas(5).length === 6 && masked.length === 6)
    // Of another entry: whoever owns the disk can copy, but not make it fit.
    const moved = attempt()
    exchange(moved.directory, 6, masked[0]!.seq, masked[2]!.seq)
    place(check(moved.directory), 'records')
    place(check(moved.directory, { keys: true }), 'contents')
    const cut = attempt()
    const segment = readFileSync(join(cut.directory, SEGMENT))
    writeFileSync(
      join(cut.directory, SEGMENT),
      Buffer.concat([segment.subarray(0, masked[0]!.from), segment.subarray(masked[0]!.to)]),
    )
    assert.match(place(check(cut.directory), 'records').problem, /responseDelta is missing/)
    const one = attempt()
    const bytes = readFileSync(join(one.directory, SEGMENT))
    bytes[masked[1]!.to - 20]! ^= 1
    writeFileSync(join(one.directory, SEGMENT), bytes)
    place(check(one.directory), 'records')
  })

  test('a log whose writer listed other values than it committed to is red', async () => {
    const count = await forgedDelta(facts => ({ ...facts, fields: facts.fields.slice(1) }))
    assert.match(place(count, 'originals').problem, /values are listed, 2 committed|another length/)
    const digest = await forgedDelta(facts => ({
      ...facts,
      original: { bytes: 1, digest: 'A'.repeat(43) },
    }))
    assert.match(place(digest, 'originals').problem, /restored body is not the committed one/)
    const key = await forgedDelta(facts => ({ ...facts, seal: { ...facts.seal!, key: 'A'.repeat(43) } }))
    assert.match(place(key, 'originals').problem, /data key of the masked values is not/)
    const outside = await forgedDelta(facts => ({
      ...facts,
      fields: facts.fields.map((one): FieldFacts => [one[0] + 1000, one[1], one[2], one[3], one[4], one[5]]),
    }))
    assert.match(place(outside, 'originals').problem, /lies outside of its body/)
  })

  test('a destroyed epoch key is named by the check of contents alone', () => {
    const x = attempt()
    const sealed = readdirSync(join(x.directory, 'keys')).find(name => name.startsWith('sealed'))!
    rmSync(join(x.directory, 'keys', sealed))
    const report = check(x.directory, { keys: true })
    assert.equal(failed(report), 'contents')
    assert.match(place(report, 'contents').problem, /epoch key sealed-.* is not there/)
    assert.equal(check(x.directory).ok, true)
  })

  test('the command runs alone: report, exit status 0, 6 and 2', () => {
    const alone = scratch({ after: undo => clean.push(undo) })
    cpSync(join(import.meta.dirname, 'verify.ts'), join(alone, 'verify.ts'))
    const run = (...args: string[]) => spawnSync(process.execPath, [join(alone, 'verify.ts'), ...args])
    const green = run(
      pristine,
      '--vkey',
      join(pristine, 'log.vkey'),
      '--keys',
      join(pristine, 'secrets/kek'),
      '--json',
    )
    assert.equal(green.status, 0, green.stderr.toString())
    assert.equal((JSON.parse(green.stdout.toString()) as Report).ok, true)
    const x = attempt()
    rmSync(join(x.directory, 'tile/0/001'))
    const red = run(x.directory, '--vkey', vkey)
    assert.equal(red.status, 6)
    assert.match(red.stdout.toString(), /FAILED {2}tiles.*\n {8}entry 256, tile\/0\/001: the tile is missing/)
    assert.equal(run(pristine).status, 2)
    assert.equal(run(pristine, '--vkey', 'nonsense').status, 2)
  })

  test('its only imports are of node itself', () => {
    const text = readFileSync(join(import.meta.dirname, 'verify.ts'), 'utf8')
    for (const [, from] of text.matchAll(/from '([^']+)'/g)) assert.match(from!, /^node:/)
  })

  test('nothing of heads and bodies is readable on the disk', () => {
    const grep = (canary: string) =>
      spawnSync('grep', ['-r', '-l', '-a', '-F', canary, pristine, '--exclude=*.pem']).stdout.toString()
    assert.notEqual(grep('sha256:abab'), '', 'the search itself works')
    for (const canary of [
      'alice',
      'kubectl',
      'aaaaaaaaaa',
      'bbbbbbbbbb',
      '"number":',
      'base/read',
      '127.0.0.1',
    ]) {
      assert.equal(grep(canary), '', canary)
    }
  })
})
