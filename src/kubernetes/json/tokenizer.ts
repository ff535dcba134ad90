/**
 * A chunk-fed JSON tokenizer (RFC 8259, nothing more): a state machine that may stop and go on at any byte.
 * A body is read in one chunk and costs no copy; an answer may be read as it streams by. It checks the grammar, the
 * depth and that `\u` escapes form whole characters. It does not look for duplicate keys (the sink's work) nor
 * at UTF-8 (checked beside it, natively, see `utf8.ts`): bytes from 0x80 on are content of strings, else refused.
 */
export interface JsonSink {
  open(isObject: boolean, offset: number): void
  close(isObject: boolean, offset: number): void
  /**
   * A member's name: the bytes between the quotes are `bytes[start..end)`, valid during the call only, and `offset`
   * is where they begin in the whole stream. Returns false to end the reading (`fault` is then the sink's business).
   */
  key(bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): boolean
  text(bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): void
  number(bytes: Uint8Array, start: number, end: number, offset: number): void
  literal(value: 'true' | 'false' | 'null', offset: number): void
}

export type JsonFault =
  | 'json-syntax'
  | 'json-depth'
  | 'json-lone-surrogate'
  | 'json-trailing-data'
  | 'json-incomplete'
  | 'json-stopped'

const VALUE = 0
const FIRST_ELEMENT = 1
const FIRST_KEY = 2
const KEY = 3
const COLON = 4
const AFTER_VALUE = 5
const STRING = 6
const NUMBER = 7
const LITERAL = 8

const N_MINUS = 0
const N_ZERO = 1
const N_INTEGER = 2
const N_POINT = 3
const N_FRACTION = 4
const N_E = 5
const N_SIGN = 6
const N_EXPONENT = 7

/** Most strings end within so many bytes: for them the search would cost more than it saves. */
const NEAR = 48

/** 1 where the plain letters of a string end: quote, backslash, control characters. */
const ENDS = Uint8Array.from({ length: 256 }, (_, c) => (c === 0x22 || c === 0x5c || c < 0x20 ? 1 : 0))

const LITERALS = ['true', 'false', 'null'] as const
const EMPTY = new Uint8Array(0)

export class JsonTokenizer {
  /** Null while all is well. */
  fault: JsonFault | null = null
  /** Where in the stream the fault was met. */
  faultOffset = 0

  readonly #sink: JsonSink
  readonly #sequence: boolean
  /** One byte for each open container: 1 object, 0 array. */
  readonly #stack: Uint8Array
  #depth = 0
  #state = VALUE
  /** Bytes of the stream before the current chunk. */
  #before = 0
  #tokenOffset = 0
  #isKey = false
  #escaped = false
  /** 0 outside of an escape, 1 after the backslash, 2 to 5 before the hexadecimal digits of \u. */
  #escape = 0
  #unit = 0
  #highSurrogate = false
  #numberState = N_MINUS
  #literal = 0
  #literalAt = 0
  /** The part of a string or number that earlier chunks held. */
  #carry: Uint8Array = EMPTY
  #carried = 0

  /** @param sequence Whether one value may follow another, as in a watch; else one is all. */
  constructor(sink: JsonSink, maximumDepth: number, sequence = false) {
    this.#sink = sink
    this.#sequence = sequence
    this.#stack = new Uint8Array(maximumDepth)
  }

  /** Whether a value of the outermost level has ended, and no other has begun. */
  get isBetweenValues(): boolean {
    return this.#depth === 0 && (this.#state === AFTER_VALUE || this.#state === VALUE)
  }

  /** Makes the tokenizer ready for another stream. */
  reset(): void {
    this.fault = null
    this.faultOffset = 0
    this.#depth = 0
    this.#state = VALUE
    this.#before = 0
    this.#escape = 0
    this.#highSurrogate = false
    this.#carried = 0
  }

  /**
   * Reads one chunk; false when the stream is refused (`fault`), after which nothing more may be fed.
   * @param plain Bytes at the chunk's begin in which control characters within long strings need not be found: such
   * strings are skipped by the machine's own search.
   */
  feed(bytes: Uint8Array, plain = 0): boolean {
    const n = bytes.length
    const sink = this.#sink
    const before = this.#before
    let state = this.#state
    let depth = this.#depth
    let i = 0
    let start = 0
    /** Where the next ones are, as far as they were looked for. */
    let quote = -1
    let backslash = -1
    while (i < n) {
      if (state === STRING) {
        let c = 0
        if (this.#escape === 0 && !this.#highSurrogate) {
          const near = i + NEAR < plain ? i + NEAR : n
          while (i < near && ENDS[bytes[i]!] === 0) i++
          if (i < near) c = bytes[i]!
          if (i === near && i < n) {
            if (quote < i) quote = find(bytes, 0x22, i)
            if (backslash < i) backslash = find(bytes, 0x5c, i)
            i = Math.min(quote, backslash, plain)
            if (i < n) c = bytes[i]!
            if (i < n && c !== 0x22 && c !== 0x5c) continue
          }
          if (i === n) break
        } else {
          c = bytes[i]!
          if (this.#escape !== 0) {
            const fault = this.#readEscape(c)
            if (fault !== null) return this.#refuse(fault, before + i)
            i++
            continue
          }
          if (c !== 0x5c) return this.#refuse('json-lone-surrogate', before + i)
        }
        if (c === 0x5c) {
          this.#escape = 1
          this.#escaped = true
          i++
          continue
        }
        if (c !== 0x22) return this.#refuse('json-syntax', before + i)
        let whole = bytes
        let end = i
        if (this.#carried > 0) {
          this.#keep(bytes, start, i)
          whole = this.#carry
          start = 0
          end = this.#carried
          this.#carried = 0
        }
        i++
        if (this.#isKey) {
          state = COLON
          if (!sink.key(whole, start, end, this.#tokenOffset, this.#escaped)) {
            return this.#refuse('json-stopped', this.#tokenOffset)
          }
        } else {
          state = AFTER_VALUE
          sink.text(whole, start, end, this.#tokenOffset, this.#escaped)
        }
        continue
      }
      if (state === NUMBER) {
        let s = this.#numberState
        while (i < n) {
          const next = numberStep(s, bytes[i]!)
          if (next < 0) break
          s = next
          i++
        }
        this.#numberState = s
        if (i === n) break
        if (!isWhole(s)) return this.#refuse('json-syntax', before + i)
        this.#emitNumber(bytes, start, i)
        state = AFTER_VALUE
        continue
      }
      const c = bytes[i]!
      if (state === LITERAL) {
        const literal = LITERALS[this.#literal]!
        if (c !== literal.charCodeAt(this.#literalAt)) return this.#refuse('json-syntax', before + i)
        i++
        this.#literalAt++
        if (this.#literalAt === literal.length) {
          sink.literal(literal, this.#tokenOffset)
          state = AFTER_VALUE
        }
        continue
      }
      if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
        i++
        continue
      }
      if (state === AFTER_VALUE) {
        if (depth === 0) {
          if (!this.#sequence) return this.#refuse('json-trailing-data', before + i)
          state = VALUE
          continue
        }
        const inObject = this.#stack[depth - 1] === 1
        if (c === 0x2c) {
          state = inObject ? KEY : VALUE
        } else if (c === (inObject ? 0x7d : 0x5d)) {
          depth--
          sink.close(inObject, before + i)
        } else {
          return this.#refuse('json-syntax', before + i)
        }
        i++
        continue
      }
      if (state === COLON) {
        if (c !== 0x3a) return this.#refuse('json-syntax', before + i)
        state = VALUE
        i++
        continue
      }
      if (state === FIRST_KEY && c === 0x7d) {
        depth--
        sink.close(true, before + i)
        state = AFTER_VALUE
        i++
        continue
      }
      if (state === FIRST_ELEMENT && c === 0x5d) {
        depth--
        sink.close(false, before + i)
        state = AFTER_VALUE
        i++
        continue
      }
      const wantsKey = state === KEY || state === FIRST_KEY
      if (c === 0x22) {
        this.#isKey = wantsKey
        this.#escaped = false
        i++
        start = i
        this.#tokenOffset = before + i
        state = STRING
        continue
      }
      if (wantsKey) return this.#refuse('json-syntax', before + i)
      if (c === 0x7b || c === 0x5b) {
        if (depth === this.#stack.length) return this.#refuse('json-depth', before + i)
        this.#stack[depth++] = c === 0x7b ? 1 : 0
        sink.open(c === 0x7b, before + i)
        state = c === 0x7b ? FIRST_KEY : FIRST_ELEMENT
        i++
        continue
      }
      if (c === 0x2d || (c >= 0x30 && c <= 0x39)) {
        this.#numberState = c === 0x2d ? N_MINUS : c === 0x30 ? N_ZERO : N_INTEGER
        start = i
        this.#tokenOffset = before + i
        state = NUMBER
        i++
        continue
      }
      if (c === 0x74 || c === 0x66 || c === 0x6e) {
        this.#literal = c === 0x74 ? 0 : c === 0x66 ? 1 : 2
        this.#literalAt = 0
        this.#tokenOffset = before + i
        state = LITERAL
        continue
      }
      return this.#refuse('json-syntax', before + i)
    }
    if (state === STRING || state === NUMBER) this.#keep(bytes, start, n)
    this.#state = state
    this.#depth = depth
    this.#before = before + n
    return true
  }

  /** The stream has ended; false when a value is still open or none was there. */
  end(): boolean {
    if (this.fault !== null) return false
    if (this.#state === NUMBER && isWhole(this.#numberState)) {
      this.#emitNumber(EMPTY, 0, 0)
      this.#state = AFTER_VALUE
    }
    if (this.#state === AFTER_VALUE && this.#depth === 0) return true
    if (this.#sequence && this.#state === VALUE && this.#depth === 0) return true
    return this.#refuse('json-incomplete', this.#before)
  }

  #refuse(fault: JsonFault, offset: number): false {
    this.fault = fault
    this.faultOffset = offset
    return false
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#carried + end - start
    if (length > this.#carry.length) {
      const larger = new Uint8Array(Math.max(256, length * 2))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(bytes.subarray(start, end), this.#carried)
    this.#carried = length
  }

  #emitNumber(bytes: Uint8Array, start: number, end: number): void {
    if (this.#carried === 0) {
      this.#sink.number(bytes, start, end, this.#tokenOffset)
      return
    }
    this.#keep(bytes, start, end)
    const length = this.#carried
    this.#carried = 0
    this.#sink.number(this.#carry, 0, length, this.#tokenOffset)
  }

  /** Takes one byte after a backslash. */
  #readEscape(c: number): JsonFault | null {
    if (this.#escape === 1) {
      this.#escape = 0
      if (c === 0x75) {
        this.#escape = 2
        this.#unit = 0
        return null
      }
      if (!isSimpleEscape(c)) return 'json-syntax'
      return this.#highSurrogate ? 'json-lone-surrogate' : null
    }
    const digit = hexDigit(c)
    if (digit < 0) return 'json-syntax'
    this.#unit = this.#unit * 16 + digit
    this.#escape++
    if (this.#escape < 6) return null
    this.#escape = 0
    const isLow = this.#unit >= 0xdc00 && this.#unit <= 0xdfff
    if (this.#highSurrogate !== isLow) return 'json-lone-surrogate'
    this.#highSurrogate = this.#unit >= 0xd800 && this.#unit <= 0xdbff
    return null
  }
}

/** Where a byte is, or the end. */
function find(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? bytes.length : at
}

function isSimpleEscape(c: number): boolean {
  // " / \ b f n r t
  return (
    c === 0x22 ||
    c === 0x2f ||
    c === 0x5c ||
    c === 0x62 ||
    c === 0x66 ||
    c === 0x6e ||
    c === 0x72 ||
    c === 0x74
  )
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  if (c >= 0x61 && c <= 0x66) return c - 0x57
  if (c >= 0x41 && c <= 0x46) return c - 0x37
  return -1
}

/** The next state of a number, or -1 when the byte is not part of it. */
function numberStep(state: number, c: number): number {
  const isDigit = c >= 0x30 && c <= 0x39
  switch (state) {
    case N_MINUS:
      return c === 0x30 ? N_ZERO : isDigit ? N_INTEGER : -1
    case N_ZERO:
    case N_INTEGER:
      if (isDigit) return state === N_INTEGER ? N_INTEGER : -1
      return c === 0x2e ? N_POINT : c === 0x65 || c === 0x45 ? N_E : -1
    case N_POINT:
      return isDigit ? N_FRACTION : -1
    case N_FRACTION:
      return isDigit ? N_FRACTION : c === 0x65 || c === 0x45 ? N_E : -1
    case N_E:
      return isDigit ? N_EXPONENT : c === 0x2b || c === 0x2d ? N_SIGN : -1
    default:
      return isDigit ? N_EXPONENT : -1
  }
}

function isWhole(state: number): boolean {
  return state === N_ZERO || state === N_INTEGER || state === N_FRACTION || state === N_EXPONENT
}
