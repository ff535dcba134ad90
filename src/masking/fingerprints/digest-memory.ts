import { createHmac, type KeyObject, randomBytes } from 'node:crypto'

const SLOTS = 1 << 14
export const DIGEST_BYTES = 16

/**
 * HMAC-SHA256 of values, cut to 128 bits, and the last few thousand of them, so that a secret that comes again and again
 * costs one HMAC. What is remembered is not the value but a hash of 64 bits over all of it, under constants that are
 * random and made anew at each start: nobody can make two values that are taken for each other.
 */
export class DigestMemory {
  readonly #key: KeyObject
  readonly #constants = new Int32Array(8)
  readonly #first = new Int32Array(SLOTS)
  readonly #second = new Int32Array(SLOTS)
  readonly #digests = new Uint8Array(SLOTS * DIGEST_BYTES)
  #high = 0
  #low = 0

  constructor(key: KeyObject) {
    this.#key = key
    const random = randomBytes(32)
    for (let at = 0; at < 8; at += 1) this.#constants[at] = random.readInt32LE(4 * at) | 1
  }

  /** Of `bytes[start..end)`. Valid until the next call. */
  of(bytes: Uint8Array, start: number, end: number): Uint8Array {
    this.#hash(bytes, start, end)
    const slot = this.#low & (SLOTS - 1)
    const at = slot * DIGEST_BYTES
    const digest = this.#digests.subarray(at, at + DIGEST_BYTES)
    if (this.#first[slot] === this.#high && this.#second[slot] === this.#low) return digest
    digest.set(this.exact(bytes.subarray(start, end)).subarray(0, DIGEST_BYTES))
    this.#first[slot] = this.#high
    this.#second[slot] = this.#low
    return digest
  }

  exact(value: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(value).digest().subarray(0, DIGEST_BYTES)
  }

  #hash(bytes: Uint8Array, start: number, end: number): void {
    const c = this.#constants
    const [a, b, d, e] = [c[0]!, c[1]!, c[2]!, c[3]!]
    let high = c[4]! ^ (end - start)
    let low = c[5]! ^ (end - start)
    let at = start
    for (; at + 4 <= end; at += 4) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      high = mix(high, word, a, b)
      low = mix(low, word, d, e)
    }
    let rest = 0
    for (; at < end; at += 1) rest = (rest << 8) | bytes[at]!
    this.#high = finish(mix(high, rest, a, b)) || 1
    this.#low = finish(mix(low, rest, d, e))
  }
}

/** Secret factors on both sides of a rotation: no difference of two words has a known effect. */
function mix(hash: number, word: number, a: number, b: number): number {
  let k = Math.imul(word, a)
  k = Math.imul((k << 15) | (k >>> 17), b)
  const h = hash ^ k
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0x3c6ef372) | 0
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return h ^ (h >>> 15)
}
