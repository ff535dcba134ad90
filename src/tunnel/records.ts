import { Refusal } from '../errors/refusal.ts'
import { LONGEST_ERROR, LONGEST_HEAD } from './protocol.ts'

/**
 * An answer on its way through the tunnel: records of type (1 byte), length (4 bytes, big-endian) and payload.
 * Exactly one HEAD, any number of DATA, then END; or ERROR at any time. The end is said in so many words, because
 * the end of an HTTP/2 stream looks the same whether the answer was complete or the agent died.
 */
export const RecordType = { head: 1, data: 2, end: 3, error: 4 } as const

const HEADER = 5

export function recordHeader(type: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER)
  header[0] = type
  header.writeUInt32BE(length, 1)
  return header
}

export function textRecord(type: number, text: string): Buffer {
  const length = Buffer.byteLength(text)
  const record = Buffer.allocUnsafe(HEADER + length)
  record[0] = type
  record.writeUInt32BE(length, 1)
  record.write(text, HEADER)
  return record
}

export interface RecordSink {
  onHeadRecord(text: string): void
  onDataRecord(chunk: Buffer): void
  onEndRecord(): void
  onErrorRecord(text: string): void
}

/** Cuts a byte stream into records. Payloads of DATA are passed on as they come, never assembled. */
export class RecordReader {
  readonly #sink: RecordSink
  #header: Buffer | undefined
  #filled = 0
  #type = 0
  #left = 0
  #text: Buffer[] | undefined
  #seenHead = false
  /** Set by whoever wants to read on later; `push` returns what it has not read. */
  stopped = false
  finished = false

  constructor(sink: RecordSink) {
    this.#sink = sink
  }

  /** Returns the rest that was not read because `stopped` was set. Throws a Refusal when it is no record. */
  push(chunk: Buffer): Buffer | undefined {
    let at = 0
    while (at < chunk.length && !this.stopped) {
      if (this.finished) throw broken('bytes after the end')
      if (this.#left === 0 && this.#text === undefined) {
        at = this.#readHeader(chunk, at)
        continue
      }
      const taken = chunk.subarray(at, at + this.#left)
      at += taken.length
      this.#left -= taken.length
      if (this.#text === undefined) this.#sink.onDataRecord(taken)
      else this.#takeText(this.#text, taken)
    }
    return at < chunk.length ? chunk.subarray(at) : undefined
  }

  /** Whether `rest`, which `push` has returned, holds everything up to the end of the answer. */
  completes(rest: Buffer): boolean {
    let at = this.#left
    // `push` returns a rest only between two records or within a payload, never within a header.
    while (at + HEADER <= rest.length) {
      const type = rest[at]!
      at += HEADER + rest.readUInt32BE(at + 1)
      if (type === RecordType.end || type === RecordType.error) return at <= rest.length
    }
    return false
  }

  #readHeader(chunk: Buffer, start: number): number {
    let at = start
    if (this.#header === undefined && chunk.length - at >= HEADER) {
      this.#begin(chunk[at]!, chunk.readUInt32BE(at + 1))
      return at + HEADER
    }
    this.#header ??= Buffer.allocUnsafe(HEADER)
    while (this.#filled < HEADER && at < chunk.length) this.#header[this.#filled++] = chunk[at++]!
    if (this.#filled === HEADER) {
      const header = this.#header
      this.#header = undefined
      this.#filled = 0
      this.#begin(header[0]!, header.readUInt32BE(1))
    }
    return at
  }

  #begin(type: number, length: number): void {
    this.#type = type
    this.#left = length
    if (type === RecordType.data) {
      if (!this.#seenHead) throw broken('data before the head')
      return
    }
    if (type === RecordType.end) {
      if (!this.#seenHead || length !== 0) throw broken('an end without a head')
      this.finished = true
      this.#sink.onEndRecord()
      return
    }
    const limit = type === RecordType.head && !this.#seenHead ? LONGEST_HEAD : LONGEST_ERROR
    if ((type !== RecordType.head && type !== RecordType.error) || length === 0 || length > limit) {
      throw broken('an unknown record')
    }
    if (type === RecordType.head && this.#seenHead) throw broken('a second head')
    this.#text = []
  }

  #takeText(parts: Buffer[], taken: Buffer): void {
    parts.push(taken)
    if (this.#left > 0) return
    this.#text = undefined
    const text = (parts.length === 1 ? parts[0]! : Buffer.concat(parts)).toString('utf8')
    if (this.#type === RecordType.head) {
      this.#seenHead = true
      this.#sink.onHeadRecord(text)
    } else {
      this.finished = true
      this.#sink.onErrorRecord(text)
    }
  }
}

function broken(detail: string): Refusal {
  return new Refusal('upstream-answer-refused', {
    check: 'tunnel-protocol',
    detail: `the agent sent ${detail}`,
  })
}
