import { isUtf8 } from 'node:buffer'
import {
  ARRAY,
  ESCAPED_TEXT,
  FALSE,
  JsonDocument,
  NULL,
  NUMBER,
  OBJECT,
  STRIDE,
  TEXT,
  TRUE,
  utf8,
} from './document.ts'
import { KeyTable } from './key-table.ts'
import { type JsonFault, type JsonSink, JsonTokenizer } from './tokenizer.ts'

export interface JsonLimits {
  /** Bytes. kube-apiserver's own limit of a request body is 3 MiB (apiserver `MaxRequestBodyBytes`). */
  readonly maximumBytes: number
  /** Containers open at once. Go's decoder stops at 10,000; nothing that Kubernetes defines comes near 200. */
  readonly maximumDepth: number
  /** Names and values: each takes 12 bytes of memory while its request lasts. An object at etcd's limit has 200,000. */
  readonly maximumTokens: number
}

export const BODY_LIMITS: JsonLimits = {
  maximumBytes: 3 * 1024 * 1024,
  maximumDepth: 200,
  maximumTokens: 500_000,
}

export type JsonCheck =
  | JsonFault
  | 'json-too-large'
  | 'json-too-many-values'
  | 'json-not-utf8'
  | 'json-byte-order-mark'
  | 'json-duplicate-key'

export interface JsonRefusal {
  readonly refused: true
  readonly check: JsonCheck
  readonly detail: string
  /** Byte at which the reading ended. */
  readonly offset: number
}

const DETAILS: Record<JsonCheck, string> = {
  'json-syntax': 'not valid JSON',
  'json-depth': 'nested too deeply',
  'json-lone-surrogate': 'a \\u escape is half a character',
  'json-trailing-data': 'something follows the JSON value',
  'json-incomplete': 'the JSON value is not complete',
  'json-stopped': 'not read to the end',
  'json-too-large': 'too large',
  'json-too-many-values': 'too many names and values',
  'json-not-utf8': 'not valid UTF-8',
  'json-byte-order-mark': 'begins with a byte order mark',
  'json-duplicate-key': 'a member name occurs twice in one object',
}

/**
 * Makes a strict JSON reader. It accepts exactly the texts that every decoder reads alike: one value, valid UTF-8
 * without a byte order mark, no name twice in an object (after escapes), whole characters, bounded size and depth.
 * `watch` is asked once per distinct name; whether any name was watched for is told by the document.
 * The reader is not re-entrant; `watch` must be a pure function.
 */
export function createJsonReader(
  watch: (name: string) => boolean = () => false,
): (bytes: Uint8Array, limits?: JsonLimits) => JsonDocument | JsonRefusal {
  const keys = new KeyTable(watch)
  const sinks = new Map<number, { tape: TapeSink; tokenizer: JsonTokenizer }>()
  return (bytes, limits = BODY_LIMITS) => {
    if (bytes.length > limits.maximumBytes) return refusal('json-too-large', limits.maximumBytes)
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return refusal('json-byte-order-mark', 0)
    if (!isUtf8(bytes)) return refusal('json-not-utf8', 0)
    let reader = sinks.get(limits.maximumDepth)
    if (reader === undefined) {
      const tape = new TapeSink(keys, limits.maximumDepth)
      reader = { tape, tokenizer: new JsonTokenizer(tape, limits.maximumDepth) }
      sinks.set(limits.maximumDepth, reader)
    }
    reader.tape.reset(limits.maximumTokens)
    reader.tokenizer.reset()
    if (reader.tokenizer.feed(bytes) && reader.tokenizer.end()) {
      return reader.tape.overflowed
        ? refusal('json-too-many-values', bytes.length)
        : reader.tape.document(bytes)
    }
    const fault = reader.tokenizer.fault!
    return refusal(fault === 'json-stopped' ? 'json-duplicate-key' : fault, reader.tokenizer.faultOffset)
  }
}

/** The strict reader without names to watch for. */
export const readJson: (bytes: Uint8Array, limits?: JsonLimits) => JsonDocument | JsonRefusal =
  createJsonReader()

function refusal(check: JsonCheck, offset: number): JsonRefusal {
  return { refused: true, check, detail: `${DETAILS[check]} (at byte ${offset})`, offset }
}

const SMALLEST_TAPE = STRIDE * 1024
const LARGEST_KEPT_TAPE = STRIDE * 128 * 1024

/** Objects with more names than this keep them in a Set. */
const FEW_KEYS = 24

class TapeSink implements JsonSink {
  readonly #keys: KeyTable
  #tape = new Int32Array(SMALLEST_TAPE)
  #length = 0
  /** Words of the tape that may be used. */
  #limit = 0
  /** Whether there was more than the tape may hold; the rest was checked but not kept. */
  overflowed = false
  #watched = false
  /** Tape positions of the open containers. */
  readonly #open: Int32Array
  #depth = 0
  /** Numbers of the names of the open objects, one after the other, and where each object's begin. */
  #ids = new Int32Array(256)
  #idCount = 0
  readonly #idStart: Int32Array
  readonly #many = new Map<number, Set<number>>()

  constructor(keys: KeyTable, maximumDepth: number) {
    this.#keys = keys
    this.#open = new Int32Array(maximumDepth)
    this.#idStart = new Int32Array(maximumDepth)
  }

  reset(maximumTokens: number): void {
    this.#keys.forgetIfFull()
    // One huge body shall not hold its memory for ever.
    if (this.#tape.length > LARGEST_KEPT_TAPE) this.#tape = new Int32Array(SMALLEST_TAPE)
    this.#limit = maximumTokens * STRIDE
    this.overflowed = false
    this.#length = 0
    this.#depth = 0
    this.#idCount = 0
    this.#watched = false
    this.#many.clear()
  }

  document(bytes: Uint8Array): JsonDocument {
    return new JsonDocument(bytes, this.#tape.slice(0, this.#length), this.#watched)
  }

  open(isObject: boolean, offset: number): void {
    this.#open[this.#depth] = this.#length
    this.#idStart[this.#depth] = this.#idCount
    this.#depth++
    this.#push(isObject ? OBJECT : ARRAY, offset, 0)
  }

  close(): void {
    this.#depth--
    this.#tape[this.#open[this.#depth]! + 2] = this.#length
    this.#idCount = this.#idStart[this.#depth]!
    if (this.#many.size > 0) this.#many.delete(this.#depth)
  }

  key(bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): boolean {
    this.#push(escaped ? ESCAPED_TEXT : TEXT, offset, offset + end - start)
    let id: number
    if (escaped) {
      const name = Buffer.from(JSON.parse(`"${utf8(bytes, start, end)}"`) as string)
      id = this.#keys.id(name, 0, name.length)
    } else {
      id = this.#keys.id(bytes, start, end)
    }
    if (this.#keys.isWatched(id)) this.#watched = true
    return this.#isNew(id)
  }

  text(_bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): void {
    this.#push(escaped ? ESCAPED_TEXT : TEXT, offset, offset + end - start)
  }

  number(_bytes: Uint8Array, start: number, end: number, offset: number): void {
    this.#push(NUMBER, offset, offset + end - start)
  }

  literal(value: 'true' | 'false' | 'null', offset: number): void {
    this.#push(value === 'true' ? TRUE : value === 'false' ? FALSE : NULL, offset, offset + value.length)
  }

  #isNew(id: number): boolean {
    const level = this.#depth - 1
    const from = this.#idStart[level]!
    const count = this.#idCount - from
    if (count >= FEW_KEYS) {
      let many = this.#many.get(level)
      if (many === undefined) {
        many = new Set(this.#ids.subarray(from, this.#idCount))
        this.#many.set(level, many)
      }
      if (many.has(id)) return false
      many.add(id)
      return true
    }
    for (let i = from; i < this.#idCount; i++) if (this.#ids[i] === id) return false
    if (this.#idCount === this.#ids.length) {
      const larger = new Int32Array(this.#ids.length * 2)
      larger.set(this.#ids)
      this.#ids = larger
    }
    this.#ids[this.#idCount++] = id
    return true
  }

  #push(kind: number, start: number, end: number): void {
    const at = this.#length
    if (at >= this.#limit) {
      this.overflowed = true
      return
    }
    if (at + STRIDE > this.#tape.length) {
      const larger = new Int32Array(this.#tape.length * 2)
      larger.set(this.#tape)
      this.#tape = larger
    }
    this.#tape[at] = kind
    this.#tape[at + 1] = start
    this.#tape[at + 2] = end
    this.#length = at + STRIDE
  }
}
