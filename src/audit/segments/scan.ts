import type { LogFile } from '../files/files.ts'
import { HEADER_BYTES, LENGTH_BYTES, PAYLOAD_LIMIT, RecordType, segmentHeader, TAG_BYTES } from './record.ts'

const WINDOW = 1024 * 1024

export interface SegmentScan {
  /** Where the next record begins. */
  readonly position: number
  /** The next record's payload, valid until the next call; null at the end or where no whole record stands. */
  next(): Promise<Buffer | null>
}

/** Reads records in order. @param from 0 for the start of the file. */
export async function scanSegment(file: LogFile, origin: string, from = 0): Promise<SegmentScan> {
  const head = segmentHeader(origin)
  let position = from
  let window = Buffer.allocUnsafeSlow(WINDOW)
  let windowAt = 0
  let windowLength = 0

  async function need(count: number): Promise<Buffer | null> {
    if (position < windowAt || position + count > windowAt + windowLength) {
      if (count > window.length) window = Buffer.allocUnsafeSlow(count)
      windowAt = position
      windowLength = await file.read(window, position)
      if (count > windowLength) return null
    }
    return window.subarray(position - windowAt, position - windowAt + count)
  }

  if (from === 0) {
    const line = await need(head.length)
    if (line === null || !line.equals(head)) throw new Error(`not a segment of ${origin}`)
    position = head.length
  }
  return {
    get position() {
      return position
    },
    async next() {
      const prefix = await need(LENGTH_BYTES)
      if (prefix === null) return null
      const length = prefix.readUInt32BE(0)
      if (length < HEADER_BYTES + TAG_BYTES || length > PAYLOAD_LIMIT) return null
      const record = await need(LENGTH_BYTES + length)
      if (record === null) return null
      const payload = record.subarray(LENGTH_BYTES)
      if (payload[0]! < RecordType.key || payload[0]! > RecordType.responseDelta) return null
      position += record.length
      return payload
    },
  }
}
