import { DIGEST_BYTES } from './digest-memory.ts'
import { type Fingerprint, SOURCES } from './fingerprint-set.ts'

/** Some fingerprints as one record of the store: 26 bytes each, base64. */
export interface StoredBatch {
  readonly v: 1
  readonly fingerprints: string
}

const RECORD_BYTES = DIGEST_BYTES + 4 + 4 + 2

export function packBatch(batch: readonly Fingerprint[]): StoredBatch {
  const bytes = Buffer.alloc(batch.length * RECORD_BYTES)
  batch.forEach((one, i) => {
    const at = i * RECORD_BYTES
    bytes.set(one.digest, at)
    bytes.writeInt32LE(one.head, at + DIGEST_BYTES)
    bytes.writeInt32LE(one.whole, at + DIGEST_BYTES + 4)
    bytes.writeUInt16LE(one.source, at + DIGEST_BYTES + 8)
  })
  return { v: 1, fingerprints: bytes.toString('base64') }
}

/** Throws an Error for what is no batch. */
export function unpackBatch(stored: unknown): Fingerprint[] {
  const { v, fingerprints } = (stored ?? {}) as Partial<StoredBatch>
  if (v !== 1 || typeof fingerprints !== 'string') throw new Error('not a batch of fingerprints')
  const bytes = Buffer.from(fingerprints, 'base64')
  if (bytes.length % RECORD_BYTES !== 0) throw new Error('a batch of fingerprints was cut')
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, i) => {
    const at = i * RECORD_BYTES
    const head = bytes.readInt32LE(at + DIGEST_BYTES)
    const whole = bytes.readInt32LE(at + DIGEST_BYTES + 4)
    const source = bytes.readUInt16LE(at + DIGEST_BYTES + 8)
    if (head < 0 || whole === 0 || source >= SOURCES) {
      throw new Error('a batch of fingerprints was changed')
    }
    return { digest: bytes.subarray(at, at + DIGEST_BYTES), head, whole, source }
  })
}
