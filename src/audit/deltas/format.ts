import { NONCE_AT, recordContext } from '../segments/record.ts'

/**
 * The plaintext of a delta record, behind its salt: `DeltaFacts` as one line of JSON, and then the sealed values.
 *
 * The record is of the shown class: who reads the trail may know where something was masked and by which rule. The
 * values in it are encrypted each on its own (AES-256-GCM) under the session's data key of the sealed class, in the
 * order of their fields; the first is a salt of 32 bytes. Value `i` has the nonce of the first plus `i`. Opening one
 * opens no other, and shredding the sealed class closes all.
 *
 * `digest` commits to the original bytes: SHA-256(salt ‖ original). That salt is sealed as well: else a reader could
 * try short values until the digest fits. `key` commits to the data key, so that each ciphertext has one plaintext only
 * (GCM alone does not bind a ciphertext to its key).
 */
export interface DeltaFacts {
  readonly v: 1
  /** Absent when not all originals were kept: it cannot be restored then. */
  readonly original?: { readonly bytes: number; readonly digest: string }
  /** Of the sealed values; absent when none was kept. */
  readonly seal?: {
    /** Hex. */
    readonly kid: string
    /** base64url of SHA-256 over `KEY_COMMITMENT` and the data key. */
    readonly key: string
    /** Hex, of the first value. */
    readonly nonce: string
  }
  readonly rules: readonly string[]
  readonly fields: readonly FieldFacts[]
}

/** `bytes` of the original; 0 where it was not kept. `rule` is a number of `rules`. */
export type FieldFacts = readonly [
  at: number,
  length: number,
  bytes: number,
  rule: number,
  keep: 'raw' | 'fingerprint' | 'none',
  pointer: string,
  fingerprint?: string,
]

export const ORIGINAL_SALT_BYTES = 32
/** Number of the salt where fields have theirs. */
export const SALT_NUMBER = 0xffff_ffff
export const KEY_COMMITMENT = 'sallyport sealed key\n'

/**
 * AAD of a sealed value: origin and session, `delta|`, then u8 record type, u64 index of the entry, 16 bytes key id,
 * u32 number of the field (the last four bytes, to be filled in).
 */
export function valueContext(
  origin: string,
  session: string,
  type: number,
  seq: number,
  kid: Uint8Array,
): Buffer {
  const place = Buffer.alloc(1 + 8 + (NONCE_AT - 16) + 4)
  place[0] = type
  place.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), 1)
  place.writeUInt32BE(seq >>> 0, 5)
  place.set(kid, 9)
  return Buffer.concat([recordContext(origin, session), Buffer.from('delta|'), place])
}
