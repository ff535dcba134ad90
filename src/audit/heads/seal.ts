import { createCipheriv, createHash, hash } from 'node:crypto'
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

/** Frames of at most 64 KiB; the prefix is part of the first. */
function sealFrames(
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
        cipherDigest.update(sealFrame(out, key, type, frame, false, seq, pieces, gathered))
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
  cipherDigest.update(sealFrame(out, key, type, frame, true, seq, pieces, gathered))
  return { ct: cipherDigest.digest('base64url'), pt: plainDigest.digest('base64url'), bytes }
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
  record.writeUInt32BE(record.length - LENGTH_BYTES, 0)
  const payload = record.subarray(LENGTH_BYTES)
  const nonce = nextNonce(key)
  writeHeader(payload, type, last ? key.flags | FLAG_LAST : key.flags, frame, seq, key.kid, nonce)
  payload.copy(key.aad, key.contextBytes, 0, NONCE_AT)
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce)
  cipher.setAAD(key.aad)
  let at = HEADER_BYTES
  for (const piece of pieces) at += cipher.update(piece).copy(payload, at)
  cipher.final() // a stream mode: nothing is left to write
  cipher.getAuthTag().copy(payload, at)
  return payload
}
