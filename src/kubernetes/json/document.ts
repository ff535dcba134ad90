/**
 * A JSON text that was read strictly, as a tape: three 32-bit words a token (what it is, where its bytes begin and
 * end). Reading builds no strings and no objects; they are made when somebody asks.
 * Facts come from here, bytes never: what is sent on is the text itself.
 */
export const OBJECT = 1
export const ARRAY = 2
export const TEXT = 3
export const ESCAPED_TEXT = 4
export const NUMBER = 5
export const TRUE = 6
export const FALSE = 7
export const NULL = 8

/** Words a token takes on the tape. */
export const STRIDE = 3

/** Position of a token on the tape. The root is at 0. */
export type Node = number

export class JsonDocument {
  readonly bytes: Uint8Array
  /** Whether any member's name was one that the reader was told to watch for. */
  readonly watchedKeys: boolean
  /** kind, start, end; of an object or array the end is the tape position after its last token. */
  readonly #tape: Int32Array

  constructor(bytes: Uint8Array, tape: Int32Array, watchedKeys: boolean) {
    this.bytes = bytes
    this.#tape = tape
    this.watchedKeys = watchedKeys
  }

  kind(node: Node): number {
    return this.#tape[node]!
  }

  isObject(node: Node): boolean {
    return this.#tape[node] === OBJECT
  }

  isArray(node: Node): boolean {
    return this.#tape[node] === ARRAY
  }

  /** Where the token's content begins in the bytes. */
  offset(node: Node): number {
    return this.#tape[node + 1]!
  }

  /** The byte after a value, with its quote or bracket. */
  end(node: Node): number {
    const kind = this.#tape[node]!
    if (kind === TEXT || kind === ESCAPED_TEXT) return this.#tape[node + 2]! + 1
    if (kind !== OBJECT && kind !== ARRAY) return this.#tape[node + 2]!
    const after = this.#tape[node + 2]!
    let last = -1
    for (let at = node + STRIDE; at < after; at = this.after(at)) last = at
    let byte = last < 0 ? this.#tape[node + 1]! + 1 : this.end(last)
    const close = kind === OBJECT ? 0x7d : 0x5d
    while (this.bytes[byte] !== close) byte++
    return byte + 1
  }

  /** The token after this one and all that is in it. */
  after(node: Node): Node {
    const kind = this.#tape[node]!
    return kind === OBJECT || kind === ARRAY ? this.#tape[node + 2]! : node + STRIDE
  }

  /** The first token inside of an object (a name) or array. */
  first(node: Node): Node {
    return node + STRIDE
  }

  /** The value of a member, by its exact name after escapes; undefined when there is none or `node` is no object. */
  member(node: Node | undefined, name: string): Node | undefined {
    if (node === undefined || this.#tape[node] !== OBJECT) return undefined
    const end = this.#tape[node + 2]!
    for (let at = node + STRIDE; at < end; ) {
      const value = at + STRIDE
      if (this.#is(at, name)) return value
      at = this.after(value)
    }
    return undefined
  }

  /** The text of a string token or member name; undefined for anything else. */
  text(node: Node | undefined): string | undefined {
    if (node === undefined) return undefined
    const kind = this.#tape[node]!
    if (kind === TEXT) return utf8(this.bytes, this.#tape[node + 1]!, this.#tape[node + 2]!)
    if (kind === ESCAPED_TEXT) {
      return JSON.parse(utf8(this.bytes, this.#tape[node + 1]! - 1, this.#tape[node + 2]! + 1)) as string
    }
    return undefined
  }

  /** A number as it was written. */
  numberText(node: Node): string {
    return latin1(this.bytes, this.#tape[node + 1]!, this.#tape[node + 2]!)
  }

  /**
   * The value as JavaScript sees it: objects have no prototype, so `__proto__` is a name like any other. Numbers that
   * a double holds exactly as integers or closely as fractions are numbers, larger integers are bigint, what is out
   * of all range stays the text that was written.
   */
  value(node: Node = 0): unknown {
    switch (this.#tape[node]) {
      case OBJECT: {
        const object: Record<string, unknown> = Object.create(null)
        const end = this.#tape[node + 2]!
        for (let at = node + STRIDE; at < end; ) {
          const value = at + STRIDE
          object[this.text(at)!] = this.value(value)
          at = this.after(value)
        }
        return object
      }
      case ARRAY: {
        const array: unknown[] = []
        const end = this.#tape[node + 2]!
        for (let at = node + STRIDE; at < end; at = this.after(at)) array.push(this.value(at))
        return array
      }
      case NUMBER:
        return numberValue(this.numberText(node))
      case TRUE:
        return true
      case FALSE:
        return false
      case NULL:
        return null
      default:
        return this.text(node)
    }
  }

  #is(key: Node, name: string): boolean {
    if (this.#tape[key] === ESCAPED_TEXT) return this.text(key) === name
    const start = this.#tape[key + 1]!
    const length = this.#tape[key + 2]! - start
    if (length < name.length) return false
    for (let i = 0; i < name.length; i++) {
      const c = name.charCodeAt(i)
      if (c >= 0x80) return this.text(key) === name
      if (this.bytes[start + i] !== c) return false
    }
    return length === name.length
  }
}

function numberValue(text: string): number | bigint | string {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  if (!Number.isFinite(value)) return text
  // 20 digits hold every int64 and uint64; longer ones are not worth the time that exactness takes.
  return /^-?\d{1,20}$/.test(text) ? BigInt(text) : value
}

export function utf8(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString('utf8', start, end)
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString('latin1', start, end)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
