import { isUtf8 } from 'node:buffer'

/** Why a protobuf body is refused; caught by `decodeProtobuf`, never seen outside. */
export class ProtobufFault extends Error {
  readonly check: string
  constructor(check: string, detail: string) {
    super(detail)
    this.check = check
  }
}

export const WIRE_VARINT = 0
export const WIRE_FIXED64 = 1
export const WIRE_BYTES = 2

/**
 * Reads the protobuf wire format (protobuf.dev/programming-guides/encoding) from a span of bytes. Every method throws
 * ProtobufFault rather than read past the end.
 */
export class WireReader {
  readonly bytes: Buffer
  at: number
  end: number
  /** Set by `length`: the span that was just read. */
  spanStart = 0
  spanEnd = 0

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get done(): boolean {
    return this.at >= this.end
  }

  /** A field key: number * 8 + wire type. */
  tag(): number {
    const tag = this.#small()
    if (tag >>> 3 === 0) throw new ProtobufFault('protobuf-syntax', 'a field has the number 0')
    return tag
  }

  /** Moves over a length-delimited value and leaves its span in `spanStart`, `spanEnd`. */
  length(): void {
    const length = this.#small()
    if (length > this.end - this.at)
      throw new ProtobufFault('protobuf-syntax', 'a field is longer than what is left')
    this.spanStart = this.at
    this.at += length
    this.spanEnd = this.at
  }

  /** A varint as the signed 64-bit number that it holds, in decimal. */
  int64(): string {
    // Up to four bytes stay within 28 bits: no BigInt needed for nearly every field there is.
    let value = 0
    for (let i = 0; i < 4; i++) {
      const c = this.#byte()
      value |= (c & 0x7f) << (7 * i)
      if (c < 0x80) return String(value)
    }
    let large = BigInt(value)
    for (let i = 4; i < 10; i++) {
      const c = this.#byte()
      if (i === 9 && c > 1) break
      large |= BigInt(c & 0x7f) << BigInt(7 * i)
      if (c < 0x80) return String(BigInt.asIntN(64, large))
    }
    throw new ProtobufFault('protobuf-syntax', 'a number is longer than 64 bits')
  }

  int32(): string {
    const text = this.int64()
    const value = Number(text)
    if (value !== (value | 0))
      throw new ProtobufFault('protobuf-syntax', 'a number does not fit into 32 bits')
    return text
  }

  bool(): string {
    const text = this.int64()
    if (text === '0') return 'false'
    if (text === '1') return 'true'
    throw new ProtobufFault('protobuf-syntax', 'a boolean is neither 0 nor 1')
  }

  double(): string {
    if (this.end - this.at < 8) throw new ProtobufFault('protobuf-syntax', 'a number is cut off')
    const value = this.bytes.readDoubleLE(this.at)
    this.at += 8
    if (!Number.isFinite(value))
      throw new ProtobufFault('protobuf-value', 'a number is not finite, which JSON cannot say')
    return Object.is(value, -0) ? '-0' : String(value)
  }

  /** A string of the span, as JavaScript's; refuses what is not UTF-8 (Go would pass it on). */
  string(): string {
    this.length()
    if (!isUtf8(this.bytes.subarray(this.spanStart, this.spanEnd))) {
      throw new ProtobufFault('protobuf-not-utf8', 'a string is not valid UTF-8')
    }
    return this.bytes.toString('utf8', this.spanStart, this.spanEnd)
  }

  /** A varint that must fit into 31 bits: keys and lengths. */
  #small(): number {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const c = this.#byte()
      if (i === 4 && c > 0x07) break
      value |= (c & 0x7f) << (7 * i)
      if (c < 0x80) return value
    }
    throw new ProtobufFault('protobuf-syntax', 'a key or length is too large')
  }

  #byte(): number {
    if (this.at >= this.end) throw new ProtobufFault('protobuf-syntax', 'the message ends within a field')
    return this.bytes[this.at++]!
  }
}
