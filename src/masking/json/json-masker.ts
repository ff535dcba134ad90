import { type JsonFault, type JsonSink, JsonTokenizer } from '../../kubernetes/json/tokenizer.ts'
import type { MaskRule } from '../contract.ts'
import type { Edit } from './edit.ts'
import type { MaskEngine } from './mask-engine.ts'
import type { Names } from './names.ts'
import { ObjectWalk } from './object-walk.ts'
import { DEEPEST } from './read-tape.ts'
import type { Chunk } from './region.ts'
import { ARRAY, ESCAPED_TEXT, LITERAL, NUMBER, OBJECT, PACKED, STRIDE, Tape, TEXT, UNREAD } from './tape.ts'
import type { ObjectContext } from './value-walk.ts'

export interface JsonMaskOptions extends ObjectContext {
  /** Values that follow each other, as in a watch. */
  readonly sequence: boolean
  /** Bytes of one object, row or head of a list. An object at etcd's usual limit has 1.5 MiB. */
  readonly largestObject?: number
}

export interface MaskedField {
  /** Of the replacement, in the whole masked stream. */
  readonly at: number
  readonly length: number
  /** The original bytes are `source[start..end)`. */
  readonly source: Buffer
  readonly start: number
  readonly end: number
  readonly rule: MaskRule
  readonly pointer: string
  readonly isBase64: boolean
}

export interface Masked {
  readonly bytes: readonly Uint8Array[]
  readonly fields: readonly MaskedField[]
}

export type JsonMaskFault = JsonFault | 'json-object-too-large'

export const LARGEST_OBJECT = 16 * 1024 * 1024
const EMPTY = new Uint8Array(0)
const NO_BYTES = Buffer.alloc(0)
const NO_CHUNK: Chunk = { bytes: EMPTY, text: '' }
const NOTHING: Masked = { bytes: [], fields: [] }

/**
 * Masks a JSON stream as it passes: one object, a list, a table, or the events of a watch. Bytes leave object by object, and
 * only those that are masked change. Memory is bounded by the largest object, not by the list. After a fault nothing
 * more leaves.
 */
export class JsonMasker implements JsonSink {
  fault: JsonMaskFault | null = null
  readonly #names: Names
  readonly #context: ObjectContext
  readonly #tokenizer: JsonTokenizer
  readonly #tape: Tape
  readonly #walk: ObjectWalk
  readonly #largest: number
  #depth = 0
  /** Depth at which a value began that is not put on the tape, and its first byte; 0: none. */
  #unreadDepth = 0
  #unreadStart = 0
  #isPacked = false
  /** The last name was that of an object's managed fields. */
  #isManaged = false
  /** The last name of an object's own member was `metadata`. */
  #inMetadata = false
  readonly #isSequence: boolean
  /** Stream offset of the first byte that has not been looked at as part of a region. */
  #regionStart = 0
  /** Chunks that hold the region's bytes so far, without the present one. */
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #chunk: Uint8Array = EMPTY
  #chunkStart = 0
  /** The chunk as a region is told of it. */
  #shared: Chunk = NO_CHUNK
  /** What the array that is open at depth 2 holds; its elements are regions of their own. */
  #inside: 'nothing' | 'items' | 'rows' = 'nothing'
  /** The last name at depth 1. */
  #lastRole = ''
  #elements = 0
  /** Whether the elements have passed, and what follows are more members of the root object. */
  #isTail = false
  #out = NO_BYTES
  #length = 0
  #fields: MaskedField[] = []
  /** Bytes that left in earlier pushes. */
  #released = 0

  constructor(engine: MaskEngine, options: JsonMaskOptions) {
    engine.renewNames()
    this.#names = engine.names
    this.#context = options
    this.#isSequence = options.sequence
    this.#tape = new Tape(engine.names.keys)
    this.#tape.begin(0)
    this.#walk = new ObjectWalk(engine, this.#tape, 0)
    this.#tokenizer = new JsonTokenizer(this, DEEPEST, options.sequence)
    this.#largest = options.largestObject ?? LARGEST_OBJECT
  }

  push(chunk: Uint8Array): Masked {
    if (this.fault !== null) {
      this.#pending.push(chunk)
      return NOTHING
    }
    this.#chunk = chunk
    this.#shared = { bytes: chunk, text: latin1(chunk) }
    // Control characters in long strings of an answer are not looked for: where a string ends does not depend on them.
    const isRead = this.#tokenizer.feed(chunk, chunk.length)
    // The line feed after an event is what clients that read lines wait for.
    if (isRead && this.#depth === 0 && this.#tape.length === 0 && this.#tokenizer.isBetweenValues) {
      this.#pass(this.#chunkStart + chunk.length)
    }
    const rest = chunk.subarray(Math.max(0, this.#regionStart - this.#chunkStart))
    this.#chunkStart += chunk.length
    if (rest.length > 0) {
      this.#pending.push(rest)
      this.#pendingBytes += rest.length
    }
    if (!isRead) this.#fail(this.#tokenizer.fault!)
    else if (this.#pendingBytes > this.#largest) this.#fail('json-object-too-large')
    return this.#take()
  }

  /** The last bytes; with a fault when the stream ended in the midst of a value. */
  end(): Masked {
    if (this.fault !== null) return NOTHING
    this.#chunk = EMPTY
    this.#shared = NO_CHUNK
    if (!this.#tokenizer.end()) {
      this.#fail(this.#tokenizer.fault!)
      return NOTHING
    }
    // White space, or a bare number that only the end has ended.
    if (this.#tape.length > 0) this.#flush(this.#chunkStart, 'root')
    this.#pass(this.#chunkStart)
    return this.#take()
  }

  held(): readonly Uint8Array[] {
    return this.#pending
  }

  open(isObject: boolean, offset: number): void {
    this.#depth++
    if (this.#unreadDepth !== 0) return
    if (this.#isManaged) {
      this.#isManaged = false
      this.#unreadDepth = this.#depth
      this.#unreadStart = offset
      return
    }
    this.#tape.open(isObject, offset)
    if (this.#depth !== 2 || isObject) return
    if (this.#lastRole === 'items' || this.#lastRole === 'rows') {
      if (this.#tape.words[0] !== OBJECT && !this.#isTail) return
      this.#inside = this.#lastRole
      this.#elements = 0
      this.#flush(offset + 1, 'head')
    }
  }

  close(isObject: boolean, offset: number): void {
    this.#depth--
    if (this.#unreadDepth !== 0) {
      if (this.#depth >= this.#unreadDepth) return
      this.#unreadDepth = 0
      this.#tape.value(UNREAD, this.#unreadStart, offset + 1 - this.#unreadStart, this.#isPacked ? PACKED : 0)
      this.#isPacked = false
      return
    }
    this.#tape.close(offset)
    if (this.#inside !== 'nothing') {
      if (this.#depth === 2) this.#flush(offset + 1, 'element')
      else if (this.#depth === 1 && !isObject) {
        if (this.#tape.length > 0) this.#flush(offset, 'element')
        this.#inside = 'nothing'
        this.#isTail = true
      }
      return
    }
    if (this.#depth === 0) {
      this.#flush(offset + 1, this.#isTail ? 'tail' : 'root')
      this.#isTail = false
      this.#lastRole = ''
    }
  }

  key(bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): boolean {
    if (this.#unreadDepth !== 0) {
      // `k:` and `v:` hold values; `f:` names fields.
      const first = bytes[start]!
      if (first === 0x76 || (first !== 0x66 && end - start > 16 && hasRun(bytes, start, end)))
        this.#isPacked = true
      return true
    }
    const id = this.#tape.key(bytes, start, end, offset, escaped)
    const depth = this.#depth
    if (depth === 1) this.#lastRole = this.#names.of(id).role
    const own = this.#inside === 'nothing' ? (this.#isSequence ? 2 : 1) : this.#inside === 'items' ? 3 : 4
    if (depth === own) this.#inMetadata = this.#names.of(id).role === 'metadata'
    this.#isManaged = depth === own + 1 && this.#inMetadata && this.#names.of(id).role === 'managedFields'
    return true
  }

  text(_bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): void {
    if (this.#unreadDepth === 0) this.#tape.value(escaped ? ESCAPED_TEXT : TEXT, offset, end - start)
  }

  number(_bytes: Uint8Array, start: number, end: number, offset: number): void {
    if (this.#unreadDepth === 0) this.#tape.value(NUMBER, offset, end - start)
  }

  literal(value: 'true' | 'false' | 'null', offset: number): void {
    if (this.#unreadDepth === 0) this.#tape.value(LITERAL, offset, value.length)
  }

  /** The region ends before `end` (an offset in the stream): its tokens are judged and its bytes leave. */
  #flush(end: number, what: 'head' | 'element' | 'tail' | 'root'): void {
    const start = this.#regionStart
    const isWhole = this.#pending.length === 0
    const bytes = this.#region(end)
    const tape = this.#tape
    const walk = this.#walk
    tape.closeAll()
    if (isWhole) {
      walk.begin(bytes, this.#context, '', undefined, this.#shared, start - this.#chunkStart)
    } else walk.begin(bytes, this.#context)
    switch (what) {
      case 'element':
        // Elements that are no containers come together with the next one that is.
        for (let at = 0; at < tape.length; at = walk.after(at)) {
          if (this.#inside === 'rows') walk.row(at, `/rows/${this.#elements++}`)
          else walk.object(at, `/items/${this.#elements++}`)
        }
        break
      case 'head':
        walk.loose(this.#isTail ? 0 : STRIDE, tape.length - 2 * STRIDE)
        break
      case 'tail':
        walk.loose(0, tape.length)
        break
      default:
        if (tape.words[0] === OBJECT || tape.words[0] === ARRAY) walk.root(0)
        else for (let at = 0; at < tape.length; at = walk.after(at)) walk.object(at)
    }
    this.#emit(bytes, walk.edits)
    tape.begin(end)
  }

  /** Bytes without tokens that matter leave as they are. */
  #pass(end: number): void {
    if (end <= this.#regionStart) return
    this.#emit(this.#region(end), [])
    this.#tape.begin(end)
  }

  #region(end: number): Buffer {
    const from = Math.max(0, this.#regionStart - this.#chunkStart)
    const part = this.#chunk.subarray(from, Math.max(from, end - this.#chunkStart))
    this.#regionStart = end
    if (this.#pending.length === 0) return Buffer.from(part.buffer, part.byteOffset, part.length)
    this.#pending.push(part)
    const whole = Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    return whole
  }

  /** Copies into one buffer of this push: many small pieces would each cost a call further on. */
  #emit(bytes: Buffer, edits: readonly Edit[]): void {
    let growth = 0
    for (const e of edits) growth += Math.max(0, e.replacement.length - e.end + e.start)
    this.#room(bytes.length + growth)
    const out = this.#out
    let to = this.#length
    let from = 0
    for (const { start, end, replacement, rule, pointer, isBase64 } of edits) {
      to += bytes.copy(out, to, from, start)
      this.#fields.push({
        at: this.#released + to,
        length: replacement.length,
        source: bytes,
        start,
        end,
        rule,
        pointer,
        isBase64: isBase64 === true,
      })
      to += out.write(replacement, to, 'latin1')
      from = end
    }
    this.#length = to + bytes.copy(out, to, from)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return
    const larger = Buffer.allocUnsafe(
      Math.max(this.#length + bytes, this.#chunk.length + 4096, 2 * this.#length),
    )
    this.#out.copy(larger, 0, 0, this.#length)
    this.#out = larger
  }

  #take(): Masked {
    if (this.#length === 0) return NOTHING
    const bytes = this.#out.subarray(0, this.#length)
    const fields = this.#fields
    this.#released += this.#length
    this.#out = NO_BYTES
    this.#length = 0
    this.#fields = []
    return { bytes: [bytes], fields }
  }

  #fail(fault: JsonMaskFault): void {
    this.fault = fault
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** Whether sixteen letters of base64 stand in a row. */
function hasRun(bytes: Uint8Array, start: number, end: number): boolean {
  let run = 0
  for (let i = start; i < end; i++) {
    const c = bytes[i]!
    const isLetter =
      (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x2f && c <= 0x39) || c === 0x2b
    run = isLetter ? run + 1 : 0
    if (run === 16) return true
  }
  return false
}
