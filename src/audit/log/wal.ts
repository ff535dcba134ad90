import { crc32 } from 'node:zlib'
import { readSeq } from '../segments/record.ts'
import type { Slab } from '../segments/slab.ts'

/**
 * The write-ahead file: one text line, then frames. A frame is
 *
 *     u32 length of the entry · u32 CRC-32 over what follows · u64 seq · u32 back · entry
 *
 * `back` says how many entries of the same write stand before this one: all entries before `seq - back` were
 * durable when it was written, so damage there is damage and not a torn tail. The first frame has seq 2^64-1 and
 * holds a `WalStart`. A frame with seq 2^64-2 carries the encrypted records of the entries that follow it: u64 first
 * entry of their segment file, u64 position in it, the bytes. They are in the segment as well, but were synced only
 * here. A length of zero ends the file. All numbers are big-endian.
 */
export const WAL_FRAME_HEADER = 20
const CRC_FROM = 8
const RECORDS_AT = 16
/** Bytes of records that a frame can carry. */
export const CARRIED_LIMIT = 65_535 - RECORDS_AT

/** Where a write-ahead file begins, and which calls were open then. */
export interface WalStart {
  readonly v: 1
  readonly origin: string
  /** First entry in the file; a multiple of 256, so that full tiles hold all before it. */
  readonly first: number
  /** `open` is the state before this entry. */
  readonly asOf: number
  readonly open: readonly OpenCall[]
}

export interface OpenCall {
  readonly call: string
  readonly kind: string
  readonly session: string | null
  readonly frames: number
}

export function walName(first: number): string {
  return `${String(first).padStart(16, '0')}.wal`
}

export function walFirst(name: string): number {
  return /^\d{16}\.wal$/.test(name) ? Number(name.slice(0, 16)) : -1
}

export function walHead(start: WalStart): Buffer {
  const line = Buffer.from(`sallyport wal 1 ${start.origin}\n`)
  const text = Buffer.from(JSON.stringify(start))
  const frame = Buffer.alloc(WAL_FRAME_HEADER)
  frame.writeUInt32BE(text.length, 0)
  frame.fill(0xff, CRC_FROM, CRC_FROM + 8)
  frame.writeUInt32BE(crc32(text, crc32(frame.subarray(CRC_FROM))), 4)
  return Buffer.concat([line, frame, text])
}

/** Adds a frame; returns the entry's bytes, in place. @param entry ASCII. */
export function writeWalFrame(out: Slab, seq: number, back: number, entry: string): Buffer {
  const frame = out.reserve(WAL_FRAME_HEADER + entry.length)
  frame.writeUInt32BE(entry.length, 0)
  frame.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), 8)
  frame.writeUInt32BE(seq >>> 0, 12)
  frame.writeUInt32BE(back, 16)
  frame.write(entry, WAL_FRAME_HEADER, 'latin1')
  frame.writeUInt32BE(crc32(frame.subarray(CRC_FROM)), 4)
  return frame.subarray(WAL_FRAME_HEADER)
}

/** Records as the write-ahead file carries them; what follows are the entries that own them. */
export function walRecordsFrame(segment: number, position: number, records: readonly Buffer[]): Buffer {
  let length = RECORDS_AT
  for (const piece of records) length += piece.length
  const frame = Buffer.allocUnsafe(WAL_FRAME_HEADER + length)
  frame.writeUInt32BE(length, 0)
  frame.fill(0xff, CRC_FROM, WAL_FRAME_HEADER)
  frame[CRC_FROM + 7] = 0xfe
  writeSeq(frame, segment, WAL_FRAME_HEADER)
  writeSeq(frame, position, WAL_FRAME_HEADER + 8)
  let at = WAL_FRAME_HEADER + RECORDS_AT
  for (const piece of records) at += piece.copy(frame, at)
  frame.writeUInt32BE(crc32(frame.subarray(CRC_FROM)), 4)
  return frame
}

function writeSeq(into: Buffer, value: number, at: number): void {
  into.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
  into.writeUInt32BE(value >>> 0, at + 4)
}

/** Where carried records belong. */
export interface CarriedRecords {
  /** First entry of the segment file. */
  readonly segment: number
  readonly position: number
  readonly bytes: Buffer
}

export interface WalContent {
  readonly start: WalStart
  readonly entries: { readonly seq: number; readonly back: number; readonly bytes: Buffer }[]
  readonly records: readonly CarriedRecords[]
  /** Bytes after the last whole frame that are not zero. */
  readonly tornBytes: number
}

/** Reads what is whole. Throws when the file cannot be one of this log, or when a durable entry in it is damaged. */
export function readWal(file: Buffer, origin: string, name: string): WalContent {
  const line = `sallyport wal 1 ${origin}\n`
  if (file.toString('utf8', 0, Buffer.byteLength(line)) !== line) {
    throw new Error(`${name} is not a write-ahead file of ${origin}`)
  }
  let at = Buffer.byteLength(line)
  const head = frameAt(file, at)
  if (head === null || head.seq !== START) throw new Error(`the start of ${name} is damaged`)
  const start = JSON.parse(head.bytes.toString()) as WalStart
  if (start.v !== 1 || start.origin !== origin || `${walName(start.first)}` !== name) {
    throw new Error(`the start of ${name} does not fit the file`)
  }
  at = head.end
  const entries: WalContent['entries'] = []
  const records: CarriedRecords[] = []
  for (;;) {
    const frame = frameAt(file, at)
    if (frame === null) break
    if (frame.seq === RECORDS && frame.bytes.length >= RECORDS_AT) {
      const { bytes } = frame
      records.push({
        segment: readSeq(bytes, 0),
        position: readSeq(bytes, 8),
        bytes: bytes.subarray(RECORDS_AT),
      })
      at = frame.end
      continue
    }
    if (frame.seq !== start.first + entries.length) {
      throw new Error(`${name} holds entry ${frame.seq} where ${start.first + entries.length} belongs`)
    }
    entries.push({ seq: frame.seq, back: frame.back, bytes: frame.bytes })
    at = frame.end
  }
  const next = start.first + entries.length
  refuseLostEntries(file, at, next, name)
  let end = file.length
  while (end > at && file[end - 1] === 0) end -= 1
  return { start, entries, records, tornBytes: end - at }
}

interface Frame {
  readonly seq: number
  readonly back: number
  readonly bytes: Buffer
  readonly end: number
}

const ENTRY_LIMIT = 65_535
/** What `frameAt` gives as seq of the two frames that are no entries. */
const START = -1
const RECORDS = -2

/** Null where no whole frame stands. The start frame has no size limit but the file's. */
function frameAt(file: Buffer, at: number): Frame | null {
  if (at + WAL_FRAME_HEADER > file.length) return null
  const length = file.readUInt32BE(at)
  const special = file.readUInt32BE(at + 8) === 0xffff_ffff ? file.readInt32BE(at + 12) : 0
  const isStart = special === START
  const end = at + WAL_FRAME_HEADER + length
  if (length === 0 || end > file.length || (!isStart && length > ENTRY_LIMIT)) return null
  if (crc32(file.subarray(at + CRC_FROM, end)) !== file.readUInt32BE(at + 4)) return null
  return {
    seq: special === START || special === RECORDS ? special : readSeq(file, at + 8),
    back: file.readUInt32BE(at + 16),
    bytes: file.subarray(at + WAL_FRAME_HEADER, end),
    end,
  }
}

/** A whole frame beyond the damage whose write began after `next` proves that `next` had been durable. */
function refuseLostEntries(file: Buffer, from: number, next: number, name: string): void {
  for (let at = from + 1; at + WAL_FRAME_HEADER < file.length; at += 1) {
    if (file[at] !== 0) continue // lengths are below 65,536, so a frame begins with a zero byte
    const length = file.readUInt32BE(at)
    if (length === 0 || length > ENTRY_LIMIT) continue
    const seq = readSeq(file, at + 8)
    if (seq <= next || seq > next + 10_000_000) continue
    const frame = frameAt(file, at)
    if (frame !== null && frame.seq - frame.back > next) {
      throw new Error(
        `entry ${next} in ${name} is damaged although later entries are whole: storage lost written data`,
      )
    }
  }
}
