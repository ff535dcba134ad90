import { utf8 } from './document.ts'

/** Longer runs of colliding names are an attack on the hash; they go to a Map, whose hash is seeded. */
const LONGEST_PROBE = 32

/**
 * Gives every member name a small number, so that duplicates are found by comparing integers. The table outlives one
 * document (Kubernetes names repeat for ever) but is emptied when strangers' names have filled it.
 */
export class KeyTable {
  readonly #watch: (name: string) => boolean
  readonly #limit: number
  #slots: Int32Array
  #count = 0
  readonly #overflow = new Map<string, number>()
  #text = new Uint8Array(16_384)
  #textLength = 0
  /** Per name: hash, where its bytes begin in #text, their length. */
  #entries: Int32Array
  /** Per name: 1 when it is watched for. */
  #watched: Uint8Array

  constructor(watch: (name: string) => boolean, limit = 4096) {
    this.#watch = watch
    this.#limit = limit
    this.#slots = new Int32Array(1024)
    this.#entries = new Int32Array(3 * 512)
    this.#watched = new Uint8Array(512)
  }

  /** To be called between documents only: numbers given before are void afterwards. */
  forgetIfFull(): void {
    if (this.#count <= this.#limit) return
    this.#slots = new Int32Array(1024)
    this.#entries = new Int32Array(3 * 512)
    this.#watched = new Uint8Array(512)
    this.#text = new Uint8Array(16_384)
    this.#overflow.clear()
    this.#count = 0
    this.#textLength = 0
  }

  isWatched(id: number): boolean {
    return this.#watched[id] === 1
  }

  get size(): number {
    return this.#count
  }

  /** The number of a name given as bytes (escapes already decoded). */
  id(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    let hash = length
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 0x01000193) ^ bytes[i]!) | 0
    hash ^= hash >>> 15
    const mask = this.#slots.length - 1
    if (this.#overflow.size > 0) {
      const id = this.#overflow.get(utf8(bytes, start, end))
      if (id !== undefined) return id
    }
    let slot = hash & mask
    for (let probes = 0; probes < LONGEST_PROBE; probes++) {
      const id = this.#slots[slot]! - 1
      if (id < 0) return this.#add(bytes, start, end, hash, slot)
      if (
        this.#entries[3 * id] === hash &&
        this.#entries[3 * id + 2] === length &&
        this.#same(id, bytes, start)
      )
        return id
      slot = (slot + 1) & mask
    }
    return this.#addOverflow(utf8(bytes, start, end))
  }

  #same(id: number, bytes: Uint8Array, start: number): boolean {
    const from = this.#entries[3 * id + 1]!
    const length = this.#entries[3 * id + 2]!
    for (let i = 0; i < length; i++) if (this.#text[from + i] !== bytes[start + i]) return false
    return true
  }

  #addOverflow(name: string): number {
    const id = this.#newId(name)
    this.#entries[3 * id + 2] = -1
    this.#overflow.set(name, id)
    return id
  }

  #newId(name: string): number {
    const id = this.#count++
    if (3 * id + 3 > this.#entries.length) {
      this.#entries = grown(this.#entries, new Int32Array(this.#entries.length * 2))
      this.#watched = grown(this.#watched, new Uint8Array(this.#watched.length * 2))
    }
    this.#watched[id] = this.#watch(name) ? 1 : 0
    return id
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const id = this.#newId(utf8(bytes, start, end))
    this.#slots[slot] = id + 1
    const length = end - start
    if (this.#textLength + length > this.#text.length) {
      this.#text = grown(this.#text, new Uint8Array((this.#textLength + length) * 2))
    }
    this.#text.set(bytes.subarray(start, end), this.#textLength)
    this.#entries[3 * id] = hash
    this.#entries[3 * id + 1] = this.#textLength
    this.#entries[3 * id + 2] = length
    this.#textLength += length
    if (this.#count * 2 > this.#slots.length) this.#rehash()
    return id
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2)
    const mask = slots.length - 1
    for (let id = 0; id < this.#count; id++) {
      if (this.#entries[3 * id + 2] === -1) continue
      let slot = this.#entries[3 * id]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = id + 1
    }
    this.#slots = slots
  }
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
