import { createHmac, type KeyObject } from 'node:crypto'

/** Shorter values are not remembered. */
export const SHORTEST = 12

/** Values of base64 letters of both alphabets; -1 for all other bytes. */
const SEXTETS = sextets()

/**
 * A keyed hash of 32 bits that looks only at the length and at five groups of three bytes. It is there to say "certainly
 * not one of ours" in a few nanoseconds; whoever knows the key can make collisions, and nobody else is told of one. The
 * groups begin at multiples of three, so that those of base64 can be read where they stand, without decoding the rest.
 */
export class KeyedSample {
  readonly #a: number
  readonly #b: number
  readonly #c: number

  constructor(key: KeyObject) {
    const bytes = createHmac('sha256', key).digest()
    this.#a = bytes.readInt32LE(0) | 1
    this.#b = bytes.readInt32LE(4) | 1
    this.#c = bytes.readInt32LE(8)
  }

  /** Of the first six bytes from `start` on; 32 bits, not negative. */
  head(bytes: Uint8Array, start: number): number {
    return this.#head(
      bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16),
      bytes[start + 3]! | (bytes[start + 4]! << 8) | (bytes[start + 5]! << 16),
    )
  }

  /** The same of what the base64 letters from `start` on stand for; -1 when these are no such letters. */
  headOfBase64(bytes: Uint8Array, start: number): number {
    const first = triple(bytes, start)
    if (first < 0) return -1
    const second = triple(bytes, start + 4)
    return second < 0 ? -1 : this.#head(first, second)
  }

  /** Of `bytes[start..start + length)`, at least `SHORTEST`; 32 bits, signed, never 0. */
  whole(bytes: Uint8Array, start: number, length: number): number {
    const middle = start + 3 * ((length / 6) | 0)
    const last = start + 3 * (((length - 3) / 3) | 0)
    return this.#mix(
      length,
      bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16),
      bytes[start + 3]! | (bytes[start + 4]! << 8) | (bytes[start + 5]! << 16),
      bytes[start + 6]! | (bytes[start + 7]! << 8) | (bytes[start + 8]! << 16),
      bytes[middle]! | (bytes[middle + 1]! << 8) | (bytes[middle + 2]! << 16),
      bytes[last]! | (bytes[last + 1]! << 8) | (bytes[last + 2]! << 16),
    )
  }

  /** The same of what base64 letters stand for; 0 when one that is looked at is none. */
  wholeOfBase64(bytes: Uint8Array, start: number, length: number): number {
    const first = triple(bytes, start)
    const second = triple(bytes, start + 4)
    const third = triple(bytes, start + 8)
    const middle = triple(bytes, start + 4 * ((length / 6) | 0))
    const last = triple(bytes, start + 4 * (((length - 3) / 3) | 0))
    if ((first | second | third | middle | last) < 0) return 0
    return this.#mix(length, first, second, third, middle, last)
  }

  #head(first: number, second: number): number {
    const h = Math.imul(first ^ this.#c, this.#a) ^ Math.imul(second, this.#b)
    return (Math.imul(h ^ (h >>> 15), this.#b) >>> 1) | 0
  }

  #mix(length: number, first: number, second: number, third: number, middle: number, last: number): number {
    let h = Math.imul(first ^ this.#c, this.#a) ^ Math.imul(second ^ length, this.#b)
    h = Math.imul(h ^ (h >>> 15) ^ third, this.#b)
    h = Math.imul(h ^ (h >>> 13) ^ middle, this.#a)
    h = Math.imul(h ^ (h >>> 16) ^ last, this.#b)
    h ^= h >>> 14
    return h === 0 ? 1 : h
  }
}

/** Three bytes, the first one lowest, from four letters; negative when one of them is no letter. */
function triple(bytes: Uint8Array, at: number): number {
  const a = SEXTETS[bytes[at]!]!
  const b = SEXTETS[bytes[at + 1]!]!
  const c = SEXTETS[bytes[at + 2]!]!
  const d = SEXTETS[bytes[at + 3]!]!
  if ((a | b | c | d) < 0) return -1
  return (a << 2) | (b >> 4) | (((b & 15) << 12) | ((c >> 2) << 8)) | (((c & 3) << 22) | (d << 16))
}

function sextets(): Int8Array {
  const table = new Int8Array(256).fill(-1)
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  for (let value = 0; value < 64; value += 1) table[letters.charCodeAt(value)] = value
  table[0x2d] = 62
  table[0x5f] = 63
  return table
}

/** How many bytes a run of base64 letters stands for; -1 when no text of that length is base64. */
export function decodedLength(letters: number): number {
  return (letters & 3) === 1 ? -1 : (letters * 3) >> 2
}

/** The byte that the last letter of a run of base64 completes; -1 when there are others than letters. */
export function lastDecoded(bytes: Uint8Array, start: number, end: number): number {
  const before = SEXTETS[bytes[end - 2]!]!
  const last = SEXTETS[bytes[end - 1]!]!
  if ((before | last) < 0) return -1
  switch ((end - start) & 3) {
    case 0:
      return ((before & 3) << 6) | last
    case 2:
      return (before << 2) | (last >> 4)
    default:
      return ((before & 15) << 4) | (last >> 2)
  }
}
