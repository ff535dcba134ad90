import { createDecipheriv, hash } from 'node:crypto'
import { TAG_BYTES } from '../segments/record.ts'
import { type DeltaFacts, ORIGINAL_SALT_BYTES, SALT_NUMBER, valueContext } from './format.ts'
import { commitmentOf } from './seal-delta.ts'

/** A delta that a reader of the trail may have: its values are closed. */
export interface OpenedDelta {
  readonly facts: DeltaFacts
  readonly values: Buffer
}

/** What opens the values of one delta. */
export interface ValueKey {
  readonly key: Uint8Array
  readonly origin: string
  readonly session: string
  /** Of the record: which side of which entry. */
  readonly type: number
  readonly seq: number
}

/** @param plain Of the record, without its salt. Throws for what is no delta. */
export function readDelta(plain: Buffer): OpenedDelta {
  const end = plain.indexOf(10)
  const facts = JSON.parse(plain.toString('utf8', 0, end)) as DeltaFacts
  if (facts.v !== 1) throw new Error('the delta is of another version')
  return { facts, values: plain.subarray(end + 1) }
}

/** The original of one field; null when it was not kept. Throws when it was changed or the key is another one. */
export function openValue({ facts, values }: OpenedDelta, number: number, by: ValueKey): Buffer | null {
  const field = facts.fields[number]
  if (field === undefined) throw new Error('the delta has no such field')
  if (field[4] !== 'raw' || facts.seal === undefined) return null
  const { at, place } = placeOf(facts, number)
  refuseOtherKey(facts, by)
  return openAt(facts.seal, values, number, at, field[2], place, by)
}

/** Bytes before a value among the sealed ones, and its turn. */
function placeOf(facts: DeltaFacts, number: number): { readonly at: number; readonly place: number } {
  let at = ORIGINAL_SALT_BYTES + TAG_BYTES
  let place = 1
  for (const earlier of facts.fields.slice(0, number)) {
    if (earlier[4] !== 'raw') continue
    at += earlier[2] + TAG_BYTES
    place += 1
  }
  return { at, place }
}

/** A value as it is sealed, with all but the key that opens it (AES-256-GCM). */
export function closedValue(
  { facts, values }: OpenedDelta,
  number: number,
  origin: string,
  session: string,
  type: number,
  seq: number,
): { readonly nonce: Buffer; readonly context: Buffer; readonly sealed: Buffer } {
  const { at, place } = placeOf(facts, number)
  const context = valueContext(origin, session, type, seq, Buffer.from(facts.seal!.kid, 'hex'))
  context.writeUInt32BE(number, context.length - 4)
  const end = at + facts.fields[number]![2] + TAG_BYTES
  return { nonce: nonceAt(facts.seal!.nonce, place), context, sealed: values.subarray(at, end) }
}

/** The original, proven against the digest; null when not all of it was kept. */
export function restore(delta: OpenedDelta, masked: Buffer, by: ValueKey): Buffer | null {
  const { facts, values } = delta
  if (facts.original === undefined || facts.seal === undefined) return null
  refuseOtherKey(facts, by)
  const salt = openAt(facts.seal, values, SALT_NUMBER, 0, ORIGINAL_SALT_BYTES, 0, by)
  const pieces: Buffer[] = []
  let from = 0
  let at = ORIGINAL_SALT_BYTES + TAG_BYTES
  for (const [number, [place, length, bytes]] of facts.fields.entries()) {
    pieces.push(masked.subarray(from, place))
    pieces.push(openAt(facts.seal, values, number, at, bytes, number + 1, by))
    at += bytes + TAG_BYTES
    from = place + length
  }
  pieces.push(masked.subarray(from))
  const original = Buffer.concat(pieces)
  if (hash('sha256', Buffer.concat([salt, original]), 'base64url') !== facts.original.digest) {
    throw new Error('the restored body is not the committed one')
  }
  return original
}

/** GCM alone would let a forger of keys show another plaintext. */
function refuseOtherKey(facts: DeltaFacts, { key }: ValueKey): void {
  if (commitmentOf(key) !== facts.seal?.key) throw new Error('the data key is not the committed one')
}

function openAt(
  seal: NonNullable<DeltaFacts['seal']>,
  values: Buffer,
  number: number,
  at: number,
  bytes: number,
  place: number,
  { key, origin, session, type, seq }: ValueKey,
): Buffer {
  const context = valueContext(origin, session, type, seq, Buffer.from(seal.kid, 'hex'))
  context.writeUInt32BE(number, context.length - 4)
  const decipher = createDecipheriv('aes-256-gcm', key, nonceAt(seal.nonce, place), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(context)
  const end = at + bytes
  decipher.setAuthTag(values.subarray(end, end + TAG_BYTES))
  return Buffer.concat([decipher.update(values.subarray(at, end)), decipher.final()])
}

/** Four fixed bytes and a counter of 64 bits. */
function nonceAt(first: string, place: number): Buffer {
  const nonce = Buffer.from(first, 'hex')
  if (nonce.length !== 12) throw new Error('the nonce is malformed')
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) + BigInt(place), 4)
  return nonce
}
