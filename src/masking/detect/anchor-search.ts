import { anchorTable, LETTERS, type LetterSet, WIDTH } from './anchor-table.ts'
import type { Anchor } from './detector.ts'

/**
 * Finds the next of many short words in a text. A deterministic automaton (Aho and Corasick, "Efficient string
 * matching", 1975, with sets of letters) reads the first four letters of all words; four places of the text are read in
 * turn, because one chain of table look-ups alone waits for memory most of the time.
 */
export interface AnchorSearch {
  /**
   * An offset at or after `from` and before `until` where an anchor may begin, none left out, or -1. `at` tells. `same`:
   * the letters of the text as bytes, where the caller has them.
   */
  next(text: string, from: number, same?: Uint8Array, until?: number): number
  /** The numbers of all anchors at an offset are left in `hits`; returns how many. Allocates nothing. */
  at(text: string, offset: number): number
  readonly hits: Uint16Array
}

/** Letters that are read at once. Few: between two questions much of a text may be known to be masked. */
const BLOCK = 512
const LANES = 4
/** Shorter texts are read in one lane. */
const SHORT = 128
const BEYOND_LATIN = /[^\x00-\xff]/

export function createAnchorSearch(anchors: readonly Anchor[]): AnchorSearch {
  const { words, table, firstAccepting, anchorsAt } = anchorTable(anchors)
  const hits = new Uint16Array(Math.max(1, anchors.length))
  const copied = Buffer.alloc(BLOCK + WIDTH)
  /** The starts in each lane, one lane behind the other. */
  const inLanes = new Int32Array(BLOCK + LANES * WIDTH)
  const starts = new Int32Array(BLOCK + LANES)
  let count = 0
  let cursor = 0
  let scanned = ''
  /** The block whose starts are known: `starts` are those in `text[block..blockEnd)`. */
  let block = 0
  let blockEnd = 0

  function scan(text: string, from: number, same: Uint8Array | undefined): void {
    const length = Math.min(BLOCK, text.length - from)
    // Words that begin in the block may end behind it.
    const end = Math.min(text.length, from + length + WIDTH - 1)
    let bytes = same
    let first = from
    if (bytes === undefined) {
      copy(from === 0 && end === text.length ? text : text.slice(from, end))
      bytes = copied
      first = 0
    }
    count =
      length < SHORT ? oneLane(bytes, first, length, end - from) : fourLanes(bytes, first, length, end - from)
    for (let i = 0; i < count; i++) starts[i]! += from
    block = from
    blockEnd = from + length
    cursor = 0
  }

  function copy(text: string): void {
    if (!BEYOND_LATIN.test(text)) copied.write(text, 'latin1')
    else for (let i = 0; i < text.length; i++) copied[i] = Math.min(text.charCodeAt(i), LETTERS - 1)
  }

  /** Starts below `length`, counted from `from`; `readable` bytes may be read, and behind them are zeros. */
  function oneLane(bytes: Uint8Array, from: number, length: number, readable: number): number {
    return tail(bytes, from, 0, 0, 0, length, readable)
  }

  /** Goes on in one lane from `at` on, in `state`. */
  function tail(
    bytes: Uint8Array,
    from: number,
    at: number,
    state: number,
    found: number,
    length: number,
    readable: number,
  ): number {
    let here = state
    let number = found
    const end = length + WIDTH - 1
    for (let i = at; i < end; i++) {
      here = table[here | (i < readable ? bytes[from + i]! : 0)]!
      if (here >= firstAccepting && i >= WIDTH - 1) starts[number++] = i - (WIDTH - 1)
    }
    return number
  }

  function fourLanes(bytes: Uint8Array, from: number, length: number, readable: number): number {
    // The last lane is the longest, so that no other one reads behind its end.
    const share = (length / LANES) | 0
    const room = share + WIDTH
    const one = from
    const two = from + share
    const three = from + share * 2
    const four = from + share * 3
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    let inA = 0
    let inB = room
    let inC = room * 2
    let inD = room * 3
    // The first letters of a lane end no word of this lane.
    for (let i = 0; i < WIDTH - 1; i++) {
      a = table[a | bytes[i + one]!]!
      b = table[b | bytes[i + two]!]!
      c = table[c | bytes[i + three]!]!
      d = table[d | bytes[i + four]!]!
    }
    for (let i = WIDTH - 1; i < share; i++) {
      a = table[a | bytes[i + one]!]!
      b = table[b | bytes[i + two]!]!
      c = table[c | bytes[i + three]!]!
      d = table[d | bytes[i + four]!]!
      // States that accept have a bit that no other has.
      if ((a | b | c | d) < firstAccepting) continue
      if (a >= firstAccepting) inLanes[inA++] = i
      if (b >= firstAccepting) inLanes[inB++] = i
      if (c >= firstAccepting) inLanes[inC++] = i
      if (d >= firstAccepting) inLanes[inD++] = i
    }
    for (let i = share; i < share + WIDTH - 1; i++) {
      a = table[a | bytes[i + one]!]!
      b = table[b | bytes[i + two]!]!
      c = table[c | bytes[i + three]!]!
      if (a >= firstAccepting) inLanes[inA++] = i
      if (b >= firstAccepting) inLanes[inB++] = i
      if (c >= firstAccepting) inLanes[inC++] = i
    }
    let found = collect(0, inA, 0, 0)
    found = collect(room, inB, share, found)
    found = collect(room * 2, inC, share * 2, found)
    found = collect(room * 3, inD, share * 3, found)
    return tail(bytes, from, share * LANES, d, found, length, readable)
  }

  function collect(first: number, end: number, shift: number, found: number): number {
    let number = found
    for (let i = first; i < end; i++) starts[number++] = inLanes[i]! - (WIDTH - 1) + shift
    return number
  }

  function next(text: string, from: number, same?: Uint8Array, until = text.length): number {
    if (anchors.length === 0) return -1
    const stop = Math.min(text.length, until)
    if (text !== scanned) {
      scanned = text
      block = 0
      blockEnd = 0
    }
    for (let at = from; at < stop; at = blockEnd) {
      if (at < block || at >= blockEnd) scan(text, at, same)
      // Questions come in order, as a rule.
      if (cursor > 0 && starts[cursor - 1]! >= at) cursor = 0
      while (cursor < count && starts[cursor]! < at) cursor++
      if (cursor < count) return starts[cursor]! < stop ? starts[cursor]! : -1
    }
    return -1
  }

  function at(text: string, offset: number): number {
    if (offset + 1 >= text.length) return 0
    const members = anchorsAt(text.charCodeAt(offset), text.charCodeAt(offset + 1))
    let found = 0
    for (let i = 0; i < members.length; i++) {
      if (stands(words[members[i]!]!, text, offset)) hits[found++] = members[i]!
    }
    return found
  }

  return { next, at, hits }
}

function stands(word: readonly LetterSet[], text: string, offset: number): boolean {
  if (offset + word.length > text.length) return false
  for (let i = 0; i < word.length; i++) {
    const code = text.charCodeAt(offset + i)
    if (word[i]![Math.min(code, 128)] === 0) return false
  }
  return true
}
