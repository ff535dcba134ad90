import { decodedLength, type KeyedSample, lastDecoded, SHORTEST } from './keyed-sample.ts'

/** What is known, by the hashes of `KeyedSample`. Both may say yes to what is not known, never no to what is. */
export interface Known {
  head(hash: number): boolean
  whole(hash: number): boolean
}

/** Between words: controls, space, quotes. */
const WORD = 1
/** Within a word: punctuation. */
const FINE = 2
/** Punctuation that is a letter of base64 as well. */
const SLASH = 3
/** Between name and value. */
const NAME = 4
/** Which of them, in the low bits. */
const SEPARATOR = 7
/** Letters without which nothing is remembered (see `isWorthRemembering`): digits, and capitals. */
const DIGIT = 8
const CAPITAL = 16
const TELLING = DIGIT | CAPITAL

const KINDS = kinds()
const BASE64_SHORTEST = 16
/** Of a word; one with more is looked at in pieces. */
const MOST_PARTS = 64
const DOT = 0x2e
const BANG = 0x21
const NEWLINE = 0x0a
const BACKSLASH = 0x5c

/**
 * The parts of a text that are compared with known values: words (between white space and quotes), what stands behind
 * the first `=` or `:` of a word, the pieces between punctuation, what stands behind the first and the last `=` or `:` of
 * a piece, the pieces between those, each of them without a full stop at its end, and what base64 among them stands for.
 * The whole text is the caller's.
 */
export class Units {
  /** The word in which `next` found something. */
  start = 0
  end = 0
  /** Whether all that `next` searched in vain was one word. */
  isOneWord = false
  readonly #sample: KeyedSample
  readonly #known: Known
  /** Separators in the present word, and where the parts behind them begin. */
  readonly #separators = new Int32Array(MOST_PARTS)
  readonly #starts = new Int32Array(MOST_PARTS)

  constructor(sample: KeyedSample, known: Known) {
    this.#sample = sample
    this.#known = known
  }

  /**
   * Moves to the next word of `bytes[from..end)` that may have a known part; false when there is none. All parts begin
   * where the word does or behind a separator, so most words are done with after a look at the first bytes there.
   */
  next(bytes: Uint8Array, from: number, end: number): boolean {
    let word = from
    let count = 0
    let met = 0
    let hit = false
    for (let at = from; at <= end; at += 1) {
      // No branch on what strangers choose but on separators: random text would be guessed wrong at each letter.
      const kind = at === end ? WORD : KINDS[bytes[at]!]!
      met |= kind
      if ((kind & SEPARATOR) === 0) continue
      if (kind !== WORD) {
        if (count === MOST_PARTS) {
          // Where these end is not known yet: a look at where they begin decides.
          hit ||= this.#mayBegin(bytes, word, end, true) || this.#anyBegins(bytes, count, end, true)
          count = 0
        }
        this.#separators[count] = at
        if (bytes[at] === BACKSLASH && at + 1 < end && isEscape(bytes[at + 1]!)) at += 1
        this.#starts[count] = at + 1
        count += 1
        continue
      }
      if (at - word >= SHORTEST && (met & TELLING) !== 0) {
        const isCoded = (met & CAPITAL) !== 0
        const mayBegin =
          this.#mayBegin(bytes, word, at, isCoded) || this.#anyBegins(bytes, count, at, isCoded)
        if (hit || (mayBegin && this.#anyEnds(bytes, word, count, at))) {
          this.start = word
          this.end = at
          return true
        }
      }
      if (at === end) this.isOneWord = word === from
      word = at + 1
      count = 0
      met = 0
      hit = false
    }
    return false
  }

  /** Whether `bytes[start..end)` as a whole may be known. */
  mayBe(bytes: Uint8Array, start: number, end: number): boolean {
    return (
      end - start >= SHORTEST &&
      this.#known.head(this.#sample.head(bytes, start)) &&
      this.#known.whole(this.#sample.whole(bytes, start, end - start))
    )
  }

  #anyBegins(bytes: Uint8Array, count: number, end: number, isCoded: boolean): boolean {
    const starts = this.#starts
    for (let i = 0; i < count && end - starts[i]! >= SHORTEST; i += 1) {
      if (this.#mayBegin(bytes, starts[i]!, end, isCoded)) return true
    }
    return false
  }

  /** Whether a known value may begin here, `SHORTEST` bytes before `end` at the latest. */
  #mayBegin(bytes: Uint8Array, start: number, end: number, isCoded: boolean): boolean {
    if (this.#known.head(this.#sample.head(bytes, start))) return true
    if (!isCoded || end - start < BASE64_SHORTEST) return false
    const head = this.#sample.headOfBase64(bytes, start)
    return head >= 0 && this.#known.head(head)
  }

  /** The second look: with the places where the parts end. From the last one back, so that it costs the same for each. */
  #anyEnds(bytes: Uint8Array, word: number, count: number, end: number): boolean {
    let piece = end
    let fine = end
    let coded = end
    for (let i = count - 1; i >= -1; i -= 1) {
      const start = i < 0 ? word : this.#starts[i]!
      if (end - start >= SHORTEST) {
        if (this.#known.head(this.#sample.head(bytes, start))) {
          if (this.#mayBeBare(bytes, start, piece)) return true
          if (fine !== piece && this.#mayBeBare(bytes, start, fine)) return true
          if (end !== fine && this.#mayBeBare(bytes, start, end)) return true
        }
        if (this.#mayBeBase64(bytes, start, coded)) return true
      }
      if (i < 0) break
      piece = this.#separators[i]!
      const kind = KINDS[bytes[piece]!]! & SEPARATOR
      if (kind !== NAME) fine = piece
      if (kind !== SLASH) coded = piece
    }
    return false
  }

  #mayBeBare(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < SHORTEST) return false
    if (this.#known.whole(this.#sample.whole(bytes, start, end - start))) return true
    const bare = withoutStops(bytes, start, end)
    return (
      bare !== end &&
      bare - start >= SHORTEST &&
      this.#known.whole(this.#sample.whole(bytes, start, bare - start))
    )
  }

  #mayBeBase64(bytes: Uint8Array, start: number, end: number): boolean {
    const length = decodedLength(end - start)
    if (end - start < BASE64_SHORTEST || length < SHORTEST) return false
    const head = this.#sample.headOfBase64(bytes, start)
    if (head < 0 || !this.#known.head(head)) return false
    if (this.#known.whole(this.#sample.wholeOfBase64(bytes, start, length))) return true
    // What `echo` encoded ends with a line break.
    return (
      length > SHORTEST &&
      lastDecoded(bytes, start, end) === NEWLINE &&
      this.#known.whole(this.#sample.wholeOfBase64(bytes, start, length - 1))
    )
  }
}

/** Where a sentence's last word ends. */
function withoutStops(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && (bytes[at - 1] === DOT || bytes[at - 1] === BANG)) at -= 1
  return at
}

/** n, r, t. */
function isEscape(letter: number): boolean {
  return letter === 0x6e || letter === 0x72 || letter === 0x74
}

/** One part of a word, as it stands or as what its base64 stands for. */
export interface Unit {
  readonly start: number
  readonly end: number
  readonly isBase64: boolean
}

/** All parts of the word `bytes[start..end)` that `Units` looks at, the longest first. */
export function unitsOf(bytes: Uint8Array, start: number, end: number): Unit[] {
  const units: Unit[] = []
  const add = (from: number, to: number) => {
    if (to - from >= SHORTEST) units.push({ start: from, end: to, isBase64: false })
    const bare = withoutStops(bytes, from, to)
    if (bare !== to && bare - from >= SHORTEST) units.push({ start: from, end: bare, isBase64: false })
  }
  const addWithName = (from: number, to: number) => {
    add(from, to)
    for (let at = from; at < to; at += 1) {
      if (KINDS[bytes[at]!] !== NAME) continue
      add(at + 1, to)
      break
    }
  }
  const split = (from: number, to: number, isSeparator: (kind: number) => boolean, part: typeof add) => {
    let begin = from
    for (let at = from; at <= to; at += 1) {
      const kind = at === to ? WORD : KINDS[bytes[at]!]! & SEPARATOR
      if (kind !== WORD && !isSeparator(kind)) continue
      part(begin, at)
      if (kind === FINE && bytes[at] === BACKSLASH && at + 1 < to && isEscape(bytes[at + 1]!)) at += 1
      begin = at + 1
    }
  }
  const coded = (from: number, to: number) => {
    if (to - from >= BASE64_SHORTEST) units.push({ start: from, end: to, isBase64: true })
  }
  addWithName(start, end)
  split(start, end, kind => kind === FINE || kind === SLASH, addWithName)
  split(start, end, kind => kind !== 0, add)
  split(start, end, kind => kind === FINE || kind === NAME, coded)
  return units.sort((a, b) => b.end - b.start - (a.end - a.start))
}

function kinds(): Uint8Array {
  const table = new Uint8Array(256)
  table.fill(WORD, 0, 0x21)
  table[0x7f] = WORD
  for (const letter of `"'\``) table[letter.charCodeAt(0)] = WORD
  for (const letter of ',;()[]{}<>|&@\\?#') table[letter.charCodeAt(0)] = FINE
  table[0x2f] = SLASH
  for (const letter of '=:') table[letter.charCodeAt(0)] = NAME
  table.fill(DIGIT, 0x30, 0x3a)
  table.fill(CAPITAL, 0x41, 0x5b)
  return table
}
