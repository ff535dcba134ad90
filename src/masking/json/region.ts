import type { TextFinder } from '../contract.ts'
import type { Names } from './names.ts'
import { ARRAY, ESCAPED_TEXT, OBJECT, STRIDE, type Tape, TEXT } from './tape.ts'

const NONE = Buffer.alloc(0)

/** A chunk of a stream and its bytes as letters, for regions that lie in it one behind the other. */
export interface Chunk {
  readonly bytes: Uint8Array
  readonly text: string
}

/** Bytes of JSON with their tokens, and what can be asked of them. One instance serves one region after the other. */
export class Region {
  readonly tape: Tape
  /** Those that the tape's numbers are of. */
  readonly names: Names
  bytes: Buffer = NONE
  readonly #finder: TextFinder
  /** As latin1, for the text finder: the region, or more; the region begins in it at `#textAt`. */
  #text = ''
  #textAt = 0
  /** The same as bytes, and the chunk that they are, if they are one. */
  #textBytes: Uint8Array = NONE
  #chunk: Chunk | undefined
  /** The last offset in the text that the text finder gave; -1: none. */
  #candidate = -1

  constructor(tape: Tape, names: Names, finder: TextFinder) {
    this.tape = tape
    this.names = names
    this.#finder = finder
  }

  /** Regions of one chunk may share its text, in which they follow each other: then it is searched once. */
  protected take(bytes: Buffer, chunk: Chunk | undefined, at: number): void {
    this.bytes = bytes
    if (chunk === undefined || chunk !== this.#chunk) {
      this.#text = chunk === undefined ? bytes.toString('latin1') : chunk.text
      this.#textBytes = chunk === undefined ? bytes : chunk.bytes
      this.#chunk = chunk
      this.#candidate = -1
    }
    this.#textAt = at
  }

  /** Bytes of the region, each a character. */
  slice(start: number, end: number): string {
    return this.#text.slice(this.#textAt + start, this.#textAt + end)
  }

  /** Whether the text finder may find something in these bytes of the region. To be asked in the order of the bytes. */
  mayHold(start: number, end: number): boolean {
    const from = this.#textAt + start
    const until = this.#textAt + end
    if (this.#candidate >= from) return this.#candidate < until
    const found = this.#finder.next(this.#text, from, this.#textBytes, until)
    if (found === -1) return false
    this.#candidate = found
    return true
  }

  /** The token after a value. */
  after(at: number): number {
    const { words } = this.tape
    return words[at]! <= ARRAY ? words[at + 2]! : at + STRIDE
  }

  protected member(at: number, name: string): number {
    if (at < 0) return -1
    const { words } = this.tape
    if (words[at] !== OBJECT) return -1
    for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
      if (this.names.of(words[m + 3]!).text === name) return m + STRIDE
    }
    return -1
  }

  /** The byte after a value. */
  protected endOf(value: number): number {
    const { words } = this.tape
    const kind = words[value]!
    if (kind <= ARRAY) return words[value + 3]!
    return kind === TEXT || kind === ESCAPED_TEXT ? words[value + 2]! + 1 : words[value + 2]!
  }

  /** What a string means; empty for anything else. */
  textOf(at: number): string {
    if (at < 0) return ''
    const { words } = this.tape
    const start = words[at + 1]!
    const end = words[at + 2]!
    if (words[at] === TEXT) return this.bytes.toString('utf8', start, end)
    if (words[at] === ESCAPED_TEXT)
      return JSON.parse(`"${this.bytes.toString('utf8', start, end)}"`) as string
    return ''
  }
}
