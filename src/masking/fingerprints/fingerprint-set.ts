import { DIGEST_BYTES } from './digest-memory.ts'
import type { Known } from './units.ts'

/** Bits for heads, two of them for each; with 100,000 values one in a hundred of other heads has both. */
const HEAD_BITS = 1 << 21

/** Of one value: what finds it, what proves it, and who brought it. */
export interface Fingerprint {
  /** 16 bytes: HMAC-SHA256 of the value, cut. */
  readonly digest: Uint8Array
  /** `KeyedSample.head` and `.whole` of the value. */
  readonly head: number
  readonly whole: number
  /** Below `SOURCES`: where it was seen. What one place brings pushes out only what that place brought. */
  readonly source: number
}

/** Places are told apart by a keyed hash of so many values; nobody can choose to share that of another. */
export const SOURCES = 4096

const NONE = -1

interface Source {
  readonly id: number
  /** Slots in the order of arrival; those from `first` on count. */
  slots: number[]
  first: number
  count: number
}

/**
 * A bounded set. When it is full the source that holds most gives room: of its values the oldest that was not met since it
 * was last passed over. So a namespace that is flooded with made-up secrets pushes out its own, and the others keep theirs.
 */
export class FingerprintSet implements Known {
  readonly capacity: number
  /** What may be said of the heads that are here: never no to one that is, now and then yes to one that was. */
  readonly #heads = new Int32Array(HEAD_BITS / 32)
  readonly #digests: Uint8Array
  readonly #headOf: Int32Array
  readonly #wholeOf: Int32Array
  readonly #sourceOf: Int32Array
  readonly #met: Uint8Array
  /** Open addressing by `whole`: slot + 1, or 0. */
  readonly #table: Int32Array
  readonly #sources = new Map<number, Source>()
  readonly #free: number[] = []
  #size = 0
  #removed = 0
  #added = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#digests = new Uint8Array(capacity * DIGEST_BYTES)
    this.#headOf = new Int32Array(capacity)
    this.#wholeOf = new Int32Array(capacity)
    this.#sourceOf = new Int32Array(capacity)
    this.#met = new Uint8Array(capacity)
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(capacity * 2 + 2)))
  }

  get size(): number {
    return this.#size
  }

  /** Values that were ever put here. */
  get added(): number {
    return this.#added
  }

  head(hash: number): boolean {
    const first = hash & (HEAD_BITS - 1)
    if ((this.#heads[first >> 5]! & (1 << (first & 31))) === 0) return false
    const second = hash >> 10
    return (this.#heads[second >> 5]! & (1 << (second & 31))) !== 0
  }

  whole(hash: number): boolean {
    const table = this.#table
    const last = table.length - 1
    for (let at = hash & last; ; at = (at + 1) & last) {
      const slot = table[at]! - 1
      if (slot === NONE) return false
      if (this.#wholeOf[slot] === hash) return true
    }
  }

  /** Whether the value of this digest is here; it counts as met then. */
  has(whole: number, digest: Uint8Array): boolean {
    const slot = this.#find(whole, digest)
    if (slot === NONE) return false
    this.#met[slot] = 1
    return true
  }

  /** The same without a trace. */
  holds(whole: number, digest: Uint8Array): boolean {
    return this.#find(whole, digest) !== NONE
  }

  /** False when it is there already. */
  add(one: Fingerprint): boolean {
    if (this.has(one.whole, one.digest)) return false
    if (this.#size === this.capacity) this.#makeRoom()
    const slot = this.#free.pop() ?? this.#size
    this.#size += 1
    this.#added += 1
    this.#digests.set(one.digest.subarray(0, DIGEST_BYTES), slot * DIGEST_BYTES)
    this.#headOf[slot] = one.head
    this.#wholeOf[slot] = one.whole
    this.#sourceOf[slot] = one.source
    this.#met[slot] = 0
    this.#rememberHead(one.head)
    const last = this.#table.length - 1
    let at = one.whole & last
    while (this.#table[at] !== 0) at = (at + 1) & last
    this.#table[at] = slot + 1
    let source = this.#sources.get(one.source)
    if (source === undefined) {
      source = { id: one.source, slots: [], first: 0, count: 0 }
      this.#sources.set(one.source, source)
    }
    source.slots.push(slot)
    source.count += 1
    return true
  }

  #makeRoom(): void {
    let largest: Source | undefined
    for (const source of this.#sources.values()) {
      if (largest === undefined || source.count > largest.count) largest = source
    }
    this.#forgetFrom(largest!)
  }

  #forgetFrom(source: Source): void {
    for (;;) {
      const slot = source.slots[source.first]!
      source.first += 1
      if (source.first > 1024 && source.first * 2 > source.slots.length) {
        source.slots = source.slots.slice(source.first)
        source.first = 0
      }
      if (this.#met[slot] === 1) {
        this.#met[slot] = 0
        source.slots.push(slot)
        continue
      }
      source.count -= 1
      if (source.count === 0) this.#sources.delete(source.id)
      this.#remove(slot)
      return
    }
  }

  #remove(slot: number): void {
    const table = this.#table
    const last = table.length - 1
    let gap = this.#wholeOf[slot]! & last
    while (table[gap] !== slot + 1) gap = (gap + 1) & last
    // What stands behind moves up, if it may stand there, so that no search ends too soon.
    for (let at = (gap + 1) & last; table[at] !== 0; at = (at + 1) & last) {
      const home = this.#wholeOf[table[at]! - 1]! & last
      if (((at - home) & last) < ((at - gap) & last)) continue
      table[gap] = table[at]!
      gap = at
    }
    table[gap] = 0
    this.#wholeOf[slot] = 0
    this.#free.push(slot)
    this.#size -= 1
    this.#removed += 1
    if (this.#removed * 4 > this.capacity) this.#renewHeads()
  }

  #rememberHead(hash: number): void {
    const first = hash & (HEAD_BITS - 1)
    const second = hash >> 10
    this.#heads[first >> 5]! |= 1 << (first & 31)
    this.#heads[second >> 5]! |= 1 << (second & 31)
  }

  #renewHeads(): void {
    this.#removed = 0
    this.#heads.fill(0)
    for (const entry of this.#table) {
      if (entry === 0) continue
      this.#rememberHead(this.#headOf[entry - 1]!)
    }
  }

  #find(whole: number, digest: Uint8Array): number {
    const table = this.#table
    const last = table.length - 1
    for (let at = whole & last; ; at = (at + 1) & last) {
      const slot = table[at]! - 1
      if (slot === NONE) return NONE
      if (this.#wholeOf[slot] === whole && this.#isDigest(slot, digest)) return slot
    }
  }

  #isDigest(slot: number, digest: Uint8Array): boolean {
    const from = slot * DIGEST_BYTES
    for (let at = 0; at < DIGEST_BYTES; at += 1) if (this.#digests[from + at] !== digest[at]) return false
    return true
  }
}
