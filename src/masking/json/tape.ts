import type { KeyTable } from '../../kubernetes/json/key-table.ts'

export const OBJECT = 1
export const ARRAY = 2
export const TEXT = 3
export const ESCAPED_TEXT = 4
export const NUMBER = 5
export const LITERAL = 6
/** A value of which only the bytes are known: it is read when something may be in it. */
export const UNREAD = 7
/** In the last word of an unread value: its names may hold values: elements of sets, letters that may be base64. */
export const PACKED = 1

/**
 * Words of a token: kind; start; end, of a container the place on the tape after it; number of the name, of a container
 * the byte after it.
 */
export const STRIDE = 4

const SMALL = 256 * STRIDE
const LARGEST_KEPT = 1 << 20

/**
 * The tokens of one region of a JSON stream. Offsets count from the region's first byte. Names carry their number in the
 * key table, so that what is known of a name is looked up, not worked out again.
 */
export class Tape {
  words = new Int32Array(SMALL)
  length = 0
  readonly #keys: KeyTable
  /** Offset in the stream of the region's first byte. */
  #base = 0
  readonly #open: number[] = []

  constructor(keys: KeyTable) {
    this.#keys = keys
  }

  /** Forgets all tokens; the next region begins at `base` in the stream. */
  begin(base: number): void {
    this.length = 0
    this.#base = base
    this.#open.length = 0
    if (this.words.length > LARGEST_KEPT) this.words = new Int32Array(SMALL)
  }

  open(isObject: boolean, offset: number): void {
    this.#open.push(this.length)
    this.#push(isObject ? OBJECT : ARRAY, offset, this.#base, 0)
  }

  /** Closes the innermost container, if it was opened in this region. */
  close(offset: number): void {
    const at = this.#open.pop()
    if (at === undefined) return
    this.words[at + 2] = this.length
    this.words[at + 3] = offset + 1 - this.#base
  }

  /** Containers that are still open end where the region ends. */
  closeAll(): void {
    for (const at of this.#open) this.words[at + 2] = this.length
    this.#open.length = 0
  }

  /** Returns the number of the name. */
  key(bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): number {
    let id: number
    if (escaped) {
      const raw = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
      const name = Buffer.from(JSON.parse(`"${raw}"`) as string)
      id = this.#keys.id(name, 0, name.length)
    } else id = this.#keys.id(bytes, start, end)
    this.#push(escaped ? ESCAPED_TEXT : TEXT, offset, offset + end - start, id)
    return id
  }

  value(kind: number, offset: number, length: number, what = 0): void {
    this.#push(kind, offset, offset + length, what)
  }

  #push(kind: number, start: number, end: number, id: number): void {
    const at = this.length
    if (at + STRIDE > this.words.length) {
      const larger = new Int32Array(this.words.length * 2)
      larger.set(this.words)
      this.words = larger
    }
    const { words } = this
    words[at] = kind
    words[at + 1] = start - this.#base
    words[at + 2] = end - this.#base
    words[at + 3] = id
    this.length = at + STRIDE
  }
}
