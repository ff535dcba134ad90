import { type CipherGCM, createCipheriv, createHash, type Hash, hash } from 'node:crypto'
import type { CapturedBody } from '../entry.ts'
import { type DataKey, nextNonce } from '../keys/datakeys.ts'
import {
  FLAG_LAST,
  FRAME_BYTES,
  HEADER_BYTES,
  LENGTH_BYTES,
  NONCE_AT,
  RecordType,
  TAG_BYTES,
  writeHeader,
} from '../segments/record.ts'
import type { Slab } from '../segments/slab.ts'

export const SALT_BYTES = 16

/**
 * `ct`: SHA-256 of the encrypted records, checked without keys. `pt`: SHA-256(salt ‖ plaintext), the salt being
 * the first 16 bytes inside the encryption: it commits to the plaintext (GCM alone does not commit to its key),
 * and cannot be guessed from. Both base64url.
 */
export interface Commitment {
  readonly ct: string
  readonly pt: string
}

/** @param plain Salt and head, already joined. */
export function sealHead(out: Slab, key: DataKey, seq: number, plain: Buffer): Commitment {
  if (plain.length > FRAME_BYTES) {
    const { ct, pt } = sealFrames(out, key, RecordType.head, seq, plain.subarray(0, SALT_BYTES), [
      plain.subarray(SALT_BYTES),
    ])
    return { ct, pt }
  }
  const payload = sealFrame(out, key, RecordType.head, 0, true, seq, [plain], plain.length)
  return { ct: hash('sha256', payload, 'base64url'), pt: hash('sha256', plain, 'base64url') }
}

/** Plaintext of a body: salt, media type, newline, bytes. */
export function sealBody(
  out: Slab,
  key: DataKey,
  type: RecordType,
  seq: number,
  salt: Buffer,
  body: CapturedBody,
): Commitment & { readonly bytes: number } {
  const mediaType = body.mediaType.slice(0, 255).replace(/[^\x20-\x7e]/g, '?')
  return sealFrames(out, key, type, seq, Buffer.concat([salt, Buffer.from(`${mediaType}\n`)]), body.chunks)
}

/** Frames of at most 64 KiB; the prefix is part of the first, and much shorter. */
export function sealFrames(
  out: Slab,
  key: DataKey,
  type: RecordType,
  seq: number,
  prefix: Buffer,
  chunks: readonly Uint8Array[],
): Commitment & { readonly bytes: number } {
  const cipherDigest = createHash('sha256')
  const plainDigest = createHash('sha256').update(prefix)
  let bytes = 0
  let pieces: Uint8Array[] = [prefix]
  let gathered = prefix.length
  let frame = 0
  for (const chunk of chunks) {
    plainDigest.update(chunk)
    bytes += chunk.length
    let from = 0
    while (from < chunk.length) {
      // A frame is closed only when more follows, so that the last one carries the flag.
      if (gathered === FRAME_BYTES) {
        sealPieces(out, key, type, frame, false, seq, pieces, gathered, cipherDigest)
        frame += 1
        pieces = []
        gathered = 0
      }
      const count = Math.min(chunk.length - from, FRAME_BYTES - gathered)
      pieces.push(chunk.subarray(from, from + count))
      gathered += count
      from += count
    }
  }
  sealPieces(out, key, type, frame, true, seq, pieces, gathered, cipherDigest)
  return { ct: cipherDigest.digest('base64url'), pt: plainDigest.digest('base64url'), bytes }
}

/** Frames longer than this are not copied again after encryption. */
const COPIED = 8 * 1024

/** One frame of a body; its payload goes through `digest` as well. */
function sealPieces(
  out: Slab,
  key: DataKey,
  type: RecordType,
  frame: number,
  last: boolean,
  seq: number,
  pieces: readonly Uint8Array[],
  length: number,
  digest: Hash,
): void {
  if (length <= COPIED) {
    digest.update(sealFrame(out, key, type, frame, last, seq, pieces, length))
    return
  }
  const head = out.reserve(LENGTH_BYTES + HEADER_BYTES)
  const cipher = beginFrame(head, key, type, frame, last, seq, length)
  digest.update(head.subarray(LENGTH_BYTES))
  for (const piece of pieces) {
    const sealed = cipher.update(piece)
    digest.update(sealed)
    out.append(sealed)
  }
  cipher.final() // a stream mode: nothing is left to write
  const tag = cipher.getAuthTag()
  digest.update(tag)
  out.append(tag)
}

/** Returns the payload, in place. */
function sealFrame(
  out: Slab,
  key: DataKey,
  type: RecordType,
  frame: number,
  last: boolean,
  seq: number,
  pieces: readonly Uint8Array[],
  length: number,
): Buffer {
  const record = out.reserve(LENGTH_BYTES + HEADER_BYTES + length + TAG_BYTES)
  const cipher = beginFrame(record, key, type, frame, last, seq, length)
  const payload = record.subarray(LENGTH_BYTES)
  let at = HEADER_BYTES
  for (const piece of pieces) at += cipher.update(piece).copy(payload, at)
  cipher.final()
  cipher.getAuthTag().copy(payload, at)
  return payload
}

/** Writes length and header of a record for `length` bytes of plaintext. */
function beginFrame(
  record: Buffer,
  key: DataKey,
  type: RecordType,
  frame: number,
  last: boolean,
  seq: number,
  length: number,
): CipherGCM {
  record.writeUInt32BE(HEADER_BYTES + length + TAG_BYTES, 0)
  const header = record.subarray(LENGTH_BYTES)
  const nonce = nextNonce(key)
  writeHeader(header, type, last ? key.flags | FLAG_LAST : key.flags, frame, seq, key.kid, nonce)
  header.copy(key.aad, key.contextBytes, 0, NONCE_AT)
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce)
  cipher.setAAD(key.aad)
  return cipher
}
