import { createCipheriv, createHash, hash } from 'node:crypto'
import type { BodyDelta, CapturedBody, DeltaField } from '../entry.ts'
import type { DeltaLeaf } from '../heads/leaf.ts'
import { SALT_BYTES, sealFrames } from '../heads/seal.ts'
import { type DataKey, nextNonce } from '../keys/datakeys.ts'
import { type RecordType, TAG_BYTES } from '../segments/record.ts'
import type { Slab } from '../segments/slab.ts'
import {
  type DeltaFacts,
  type FieldFacts,
  KEY_COMMITMENT,
  ORIGINAL_SALT_BYTES,
  SALT_NUMBER,
  valueContext,
} from './format.ts'

/** Characters of a pointer that are kept: a caller chooses the names of members. */
const POINTER_LIMIT = 512

export interface DeltaKeys {
  readonly shown: DataKey
  /** Null when no field keeps its original. */
  readonly sealed: DataKey | null
}

/** @param salts Random bytes: `SALT_BYTES` of the record, `ORIGINAL_SALT_BYTES` of the original. */
export function sealDelta(
  out: Slab,
  keys: DeltaKeys,
  origin: string,
  type: RecordType,
  seq: number,
  salts: Buffer,
  body: CapturedBody & { readonly delta: BodyDelta },
): DeltaLeaf {
  const { fields } = body.delta
  const originalSalt = salts.subarray(SALT_BYTES)
  const numbers = new Map<string, number>()
  const listed: FieldFacts[] = []
  let whole = true
  let sealedBytes = ORIGINAL_SALT_BYTES + TAG_BYTES
  for (const field of fields) {
    let rule = numbers.get(field.rule)
    if (rule === undefined) {
      rule = numbers.size
      numbers.set(field.rule, rule)
    }
    const raw = field.keep === 'raw'
    if (raw) sealedBytes += field.original.length + TAG_BYTES
    else whole = false
    const bytes = raw ? field.original.length : 0
    const pointer = cutPointer(field.pointer)
    listed.push(
      field.fingerprint === undefined || field.keep === 'none'
        ? [field.at, field.length, bytes, rule, field.keep, pointer]
        : [field.at, field.length, bytes, rule, field.keep, pointer, field.fingerprint],
    )
  }
  const sealed = keys.sealed
  const values = sealed === null ? null : Buffer.allocUnsafe(sealedBytes)
  let facts: DeltaFacts = { v: 1, rules: [...numbers.keys()], fields: listed }
  if (whole) facts = { ...facts, original: digestOriginal(originalSalt, body.chunks, fields) }
  if (sealed !== null && values !== null) {
    const nonce = sealValues(values, sealed, origin, type, seq, originalSalt, fields)
    const seal = { kid: sealed.kid.toString('hex'), key: commitmentOf(sealed.bytes), nonce }
    facts = { ...facts, seal }
  }
  const text = Buffer.from(`${JSON.stringify(facts)}\n`)
  const chunks = values === null ? [text] : [text, values]
  const { ct, pt } = sealFrames(out, keys.shown, type, seq, salts.subarray(0, SALT_BYTES), chunks)
  return { ct, n: fields.length, pt }
}

export function commitmentOf(key: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from(KEY_COMMITMENT), key]), 'base64url')
}

function cutPointer(pointer: string): string {
  if (pointer.length <= POINTER_LIMIT) return pointer
  return `${pointer.slice(0, POINTER_LIMIT).toWellFormed()}\u2026${hash('sha256', pointer, 'hex').slice(0, 16)}`
}

/** The original is what the masked body becomes with every replacement undone. */
function digestOriginal(
  salt: Buffer,
  chunks: readonly Uint8Array[],
  fields: readonly DeltaField[],
): { bytes: number; digest: string } {
  const digest = createHash('sha256').update(salt)
  let bytes = 0
  let number = 0
  /** Where the current chunk begins, and what was read or passed over so far. */
  let begin = 0
  let position = 0
  const add = (piece: Uint8Array) => {
    digest.update(piece)
    bytes += piece.length
  }
  const advance = (to: number, take: boolean) => {
    while (position < to) {
      const chunk = chunks[number]!
      const end = Math.min(to, begin + chunk.length)
      if (take && end > position) add(chunk.subarray(position - begin, end - begin))
      position = end
      if (end < begin + chunk.length) continue
      begin = end
      number += 1
    }
  }
  let length = 0
  for (const chunk of chunks) length += chunk.length
  for (const field of fields) {
    advance(field.at, true)
    add(field.original)
    advance(field.at + field.length, false)
  }
  advance(length, true)
  return { bytes, digest: digest.digest('base64url') }
}

/** Fills `into`; returns the nonce of the first value. The key's nonces count up by one without a gap. */
function sealValues(
  into: Buffer,
  key: DataKey,
  origin: string,
  type: RecordType,
  seq: number,
  salt: Buffer,
  fields: readonly DeltaField[],
): string {
  const context = valueContext(origin, key.session, type, seq, key.kid)
  const numberAt = context.length - 4
  let at = 0
  const seal = (number: number, plain: Uint8Array) => {
    context.writeUInt32BE(number, numberAt)
    const cipher = createCipheriv('aes-256-gcm', key.secret, nextNonce(key))
    cipher.setAAD(context)
    if (plain.length > 0) at += cipher.update(plain).copy(into, at)
    cipher.final()
    at += cipher.getAuthTag().copy(into, at)
  }
  seal(SALT_NUMBER, salt)
  const first = key.nonce.toString('hex')
  for (const [number, field] of fields.entries()) if (field.keep === 'raw') seal(number, field.original)
  return first
}
