import { isDelta } from '../deltas/check-delta.ts'
import { ORIGINAL_SALT_BYTES } from '../deltas/format.ts'
import { sealDelta } from '../deltas/seal-delta.ts'
import type { CapturedBody, NewEntry } from '../entry.ts'
import type { EntryClock } from '../heads/clock.ts'
import { identifiers } from '../heads/identifier.ts'
import type { BodyLeaf, DeltaLeaf } from '../heads/leaf.ts'
import { encodeLeaf, LEAF_LIMIT } from '../heads/leaf.ts'
import { randomPool } from '../heads/random.ts'
import { type Commitment, SALT_BYTES, sealBody, sealHead } from '../heads/seal.ts'
import { type DataKeys, writeDataKey } from '../keys/datakeys.ts'
import { EPOCH_ID, type KeyClass } from '../keys/epochs.ts'
import { RecordType } from '../segments/record.ts'
import type { Slab } from '../segments/slab.ts'
import type { WrittenKey } from './contract.ts'
import { writeWalFrame } from './wal.ts'

/** Where an entry's bytes go. */
export interface Destination {
  readonly records: Slab
  readonly frames: Slab
  /** First entry of the segment file the records go to. */
  readonly segment: number
  /** Entries of the same batch before this one. */
  readonly back: number
}

export interface BuiltEntry {
  readonly leaf: Buffer
  /** JSON of the head in the clear. */
  readonly head: Buffer | null
  /** Data keys that were written with it; offsets from the start of the batch's records. */
  readonly keys: readonly WrittenKey[] | null
}

export type Build = (
  entry: NewEntry,
  seq: number,
  frame: number,
  frames: number,
  to: Destination,
) => BuiltEntry

/** Encrypts head and bodies and makes the leaf. `checkEntry` must have passed: a throw from here leaves torn slabs. */
export function entryBuilder(origin: string, keys: DataKeys, clock: EntryClock): Build {
  const random = randomPool()
  const nextId = identifiers()
  // Salt and head of one entry, joined; its head part is copied for listeners.
  let scratch = Buffer.allocUnsafeSlow(64 * 1024)

  let written: WrittenKey[] | null = null

  function keyOf(session: string, keyClass: KeyClass, seq: number, to: Destination) {
    const key = keys.of(session, keyClass)
    if (key.writtenIn !== to.segment) {
      written ??= []
      written.push({ kid: key.kid.toString('hex'), offset: to.records.length })
      writeDataKey(to.records, key, origin, seq)
      key.writtenIn = to.segment
    }
    return key
  }

  function body(
    captured: CapturedBody | undefined,
    type: RecordType,
    session: string,
    seq: number,
    to: Destination,
  ): BodyLeaf | null {
    if (captured === undefined) return null
    const salt = Buffer.allocUnsafe(SALT_BYTES)
    random.take(SALT_BYTES, salt, 0)
    const key = keyOf(session, captured.keyClass, seq, to)
    const { ct, pt, bytes } = sealBody(to.records, key, type, seq, salt, captured)
    return { class: captured.keyClass, ct, pt, n: bytes }
  }

  function delta(
    captured: CapturedBody | undefined,
    type: RecordType,
    session: string,
    seq: number,
    to: Destination,
  ): DeltaLeaf | null {
    const found = captured?.delta
    if (captured === undefined || found === undefined || found.fields.length === 0) return null
    const salts = Buffer.allocUnsafe(SALT_BYTES + ORIGINAL_SALT_BYTES)
    random.take(salts.length, salts, 0)
    const keys = {
      shown: keyOf(session, 'shown', seq, to),
      sealed: found.fields.some(one => one.keep === 'raw') ? keyOf(session, 'sealed', seq, to) : null,
    }
    return sealDelta(to.records, keys, origin, type, seq, salts, { ...captured, delta: found })
  }

  return (entry, seq, frame, frames, to) => {
    clock.next()
    keys.tick(clock.milliseconds)
    const session = entry.session ?? ''
    written = null
    let commitment: Commitment | null = null
    let head: Buffer | null = null
    const json = JSON.stringify(entry.head)
    if (json !== '{}') {
      if (SALT_BYTES + json.length * 3 > scratch.length) {
        scratch = Buffer.allocUnsafeSlow(SALT_BYTES + json.length * 3)
      }
      random.take(SALT_BYTES, scratch, 0)
      const length = SALT_BYTES + scratch.write(json, SALT_BYTES)
      const plain = scratch.subarray(0, length)
      commitment = sealHead(to.records, keyOf(session, 'shown', seq, to), seq, plain)
      head = Buffer.from(plain.subarray(SALT_BYTES))
    }
    const request = body(entry.request, RecordType.request, session, seq, to)
    const requestDelta = delta(entry.request, RecordType.requestDelta, session, seq, to)
    const response = body(entry.response, RecordType.response, session, seq, to)
    const responseDelta = delta(entry.response, RecordType.responseDelta, session, seq, to)
    const text = encodeLeaf({
      call: entry.call,
      effect: entry.effect,
      epoch: entry.epoch ?? null,
      frame,
      frames,
      head: commitment,
      id: nextId(clock.milliseconds),
      kind: entry.kind,
      phase: entry.phase,
      policy: entry.policyDigest,
      request,
      requestDelta,
      response,
      responseDelta,
      seq,
      session: entry.session,
      time: clock.text,
    })
    if (text.length > LEAF_LIMIT) throw new Error('the leaf is too long')
    return { leaf: writeWalFrame(to.frames, seq, to.back, text), head, keys: written }
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const NAME = /^[A-Za-z0-9._-]{1,64}$/
const KIND = /^[a-z0-9]+([.-][a-z0-9]+)*$/
const DIGEST = /^sha256:[0-9a-f]{64}$/

/** What is wrong with an entry, or null. These strings go into the leaf in the clear and unescaped. */
export function checkEntry(entry: NewEntry): string | null {
  if (!UUID.test(entry.call)) return 'the call id is not a UUID in lower case'
  if (!KIND.test(entry.kind) || entry.kind.length > 32) return 'the kind is not a short name'
  if (entry.session !== null && !NAME.test(entry.session)) return 'the session id is not a short name'
  if (entry.policyDigest !== null && !DIGEST.test(entry.policyDigest)) return 'the policy digest is malformed'
  const { effect } = entry
  if (effect !== null && effect !== 'allow' && effect !== 'deny' && effect !== 'hold') return 'unknown effect'
  if (entry.epoch !== undefined && !EPOCH_ID.test(entry.epoch)) return 'the epoch is none'
  if (entry.request !== undefined && !isBody(entry.request)) return 'the request body is malformed'
  if (entry.response !== undefined && !isBody(entry.response)) return 'the response body is malformed'
  return null
}

function isBody(body: CapturedBody): boolean {
  return (
    typeof body.mediaType === 'string' &&
    (body.keyClass === 'shown' || body.keyClass === 'sealed') &&
    body.chunks.every(chunk => chunk instanceof Uint8Array) &&
    isDelta(body)
  )
}
