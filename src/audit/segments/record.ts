/**
 * A segment file is one text line (see `segmentHeader`) and then records:
 *
 *     u32 length of the payload, big-endian, and the payload:
 *     u8 type · u8 flags · u16 zero · u32 frame · u64 seq · 16 bytes key id · 12 bytes nonce · ciphertext · 16 bytes tag
 *
 * Records stand in the order of `seq`, the index of the entry they belong to; all records of an entry are in one
 * segment. The digest `ct` in a leaf is SHA-256 over the payloads of that part, in order.
 *
 * A record of type `requestDelta` or `responseDelta` lists what was masked in the body of that side (`deltas/`).
 *
 * A record of type `key` holds a data key, wrapped by an epoch key: the ciphertext is preceded by
 * u16 length + epoch id, u16 length + session. It is repeated in each segment that uses the key.
 */
export const RecordType = {
  key: 1,
  head: 2,
  request: 3,
  response: 4,
  requestDelta: 5,
  responseDelta: 6,
} as const
export type RecordType = (typeof RecordType)[keyof typeof RecordType]

export const FLAG_LAST = 1
export const FLAG_SEALED = 2

export const LENGTH_BYTES = 4
export const NONCE_AT = 32
export const HEADER_BYTES = 44
export const TAG_BYTES = 16
/** Plaintext of one frame of a body. */
export const FRAME_BYTES = 64 * 1024
export const PAYLOAD_LIMIT = HEADER_BYTES + FRAME_BYTES + TAG_BYTES

export interface RecordHeader {
  readonly type: number
  readonly last: boolean
  readonly sealed: boolean
  readonly frame: number
  readonly seq: number
  readonly kid: Buffer
  readonly nonce: Buffer
}

export function segmentHeader(origin: string): Buffer {
  return Buffer.from(`sallyport segment 1 ${origin}\n`)
}

/** @param first The first entry whose records it may hold. */
export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}.seg`
}

/** The first entry, or -1 for a name that is not a segment's. */
export function segmentFirst(name: string): number {
  return /^\d{16}\.seg$/.test(name) ? Number(name.slice(0, 16)) : -1
}

export function writeHeader(
  into: Buffer,
  type: RecordType,
  flags: number,
  frame: number,
  seq: number,
  kid: Buffer,
  nonce: Buffer,
): void {
  into[0] = type
  into[1] = flags
  into[2] = 0
  into[3] = 0
  into.writeUInt32BE(frame, 4)
  into.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), 8)
  into.writeUInt32BE(seq >>> 0, 12)
  kid.copy(into, 16)
  nonce.copy(into, NONCE_AT)
}

export function readHeader(payload: Buffer): RecordHeader {
  return {
    type: payload[0]!,
    last: (payload[1]! & FLAG_LAST) !== 0,
    sealed: (payload[1]! & FLAG_SEALED) !== 0,
    frame: payload.readUInt32BE(4),
    seq: readSeq(payload, 8),
    kid: payload.subarray(16, NONCE_AT),
    nonce: payload.subarray(NONCE_AT, HEADER_BYTES),
  }
}

export function readSeq(from: Buffer, at: number): number {
  return from.readUInt32BE(at) * 0x1_0000_0000 + from.readUInt32BE(at + 4)
}

/** What binds a wrapped data key to its place. */
export function keyContext(
  origin: string,
  session: string,
  sealed: boolean,
  epoch: string,
  kid: Buffer,
): Buffer {
  return Buffer.from(
    `${origin}|${session}|key|${sealed ? 'sealed' : 'shown'}|${epoch}|${kid.toString('hex')}`,
  )
}

/** AAD of a record: this, then the payload's first 32 bytes (type, last flag, class, frame, seq, key id). */
export function recordContext(origin: string, session: string): Buffer {
  return Buffer.from(`${origin}|${session}|`)
}
