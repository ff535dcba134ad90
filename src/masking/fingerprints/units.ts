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
  readonly #sample: KeyedSample
  readonly #known: Known

  constructor(sample: KeyedSample, known: Known) {
    this.#sample = sample
    this.#known = known
  }

  /** Moves to the next word of `bytes[from..end)` that may have a known part; false when there is none. */
  next(bytes: Uint8Array, from: number, end: number): boolean {
    let word = from
    let behindName = -1
    let fine = from
    let fineBehindName = -1
    let piece = from
    let coded = from
    /** Letters met: in the piece, the base64 letters, the part between punctuation and the word so far. */
    let met = 0
    let metCoded = 0
    let metFine = 0
    let metWord = 0
    let hit = false
    for (let at = from; at <= end; at += 1) {
      // No branch on what strangers choose but on separators: random text would be guessed wrong at each letter.
      const kind = at === end ? WORD : KINDS[bytes[at]!]!
      met |= kind
      if ((kind & SEPARATOR) === 0) continue
      metFine |= met
      metCoded |= met
      metWord |= met
      // Nothing of a word is longer than the word.
      if (at - word >= SHORTEST) {
        if ((met & TELLING) !== 0 && at - piece >= SHORTEST && this.#may(bytes, piece, at)) hit = true
        if (kind !== SLASH && (metCoded & CAPITAL) !== 0 && at - coded >= BASE64_SHORTEST) {
          if (this.#mayBase64(bytes, coded, at)) hit = true
        }
        if (kind !== NAME && fine !== piece && (metFine & TELLING) !== 0 && at - fine >= SHORTEST) {
          if (this.#may(bytes, fine, at)) hit = true
          if (fineBehindName > 0 && fineBehindName !== piece && at - fineBehindName >= SHORTEST) {
            if (this.#may(bytes, fineBehindName, at)) hit = true
          }
        }
        if (kind === WORD && word !== fine && (metWord & TELLING) !== 0) {
          if (this.#may(bytes, word, at)) hit = true
          if (behindName > 0 && behindName !== fineBehindName && at - behindName >= SHORTEST) {
            if (this.#may(bytes, behindName, at)) hit = true
          }
        }
      }
      met = 0
      // In a text within a text \n is a line break, and its letter no part of what follows.
      if (kind === FINE && bytes[at] === BACKSLASH && at + 1 < end && isEscape(bytes[at + 1]!)) at += 1
      piece = at + 1
      if (kind !== SLASH) {
        coded = piece
        metCoded = 0
      }
      if (kind === NAME) {
        if (fineBehindName < 0) fineBehindName = piece
        if (behindName < 0) behindName = piece
        continue
      }
      fine = piece
      fineBehindName = -1
      metFine = 0
      if (kind !== WORD) continue
      if (hit) {
        this.start = word
        this.end = at
        return true
      }
      word = piece
      behindName = -1
      metWord = 0
    }
    return false
  }

  #may(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.mayBe(bytes, start, end)) return true
    const bare = withoutStops(bytes, start, end)
    return bare !== end && bare - start >= SHORTEST && this.mayBe(bytes, start, bare)
  }

  /** Whether `bytes[start..end)` as a whole may be known. */
  mayBe(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    return (
      this.#known.head(this.#sample.head(bytes, start, length)) &&
      this.#known.whole(this.#sample.whole(bytes, start, length))
    )
  }

  #mayBase64(bytes: Uint8Array, start: number, end: number): boolean {
    const length = decodedLength(end - start)
    if (length < SHORTEST) return false
    const head = this.#sample.headOfBase64(bytes, start, length)
    if (head < 0) return false
    if (this.#known.head(head) && this.#known.whole(this.#sample.wholeOfBase64(bytes, start, length)))
      return true
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
