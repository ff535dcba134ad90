import { anchorTable, type LetterSet, WIDTH } from './anchor-table.ts'
import type { Anchor } from './detector.ts'

/**
 * Finds the next of many short words in a text. A deterministic automaton (Aho and Corasick, "Efficient string
 * matching", 1975, with sets of letters) reads the first four letters of all words; four places of the text are read in
 * turn, because one chain of table look-ups alone waits for memory most of the time. Letters beyond ASCII fall together
 * in its table and are told apart when a word is checked.
 */
export interface AnchorSearch {
  /** An offset at or after `from` where an anchor may begin, none left out, or -1. `at` tells. */
  next(text: string, from: number): number
  /** The numbers of all anchors at an offset are left in `hits`; returns how many. Allocates nothing. */
  at(text: string, offset: number): number
  readonly hits: Uint16Array
}

/** Letters that are read at once. Few: between two questions much of a text may be known to be masked. */
const BLOCK = 1024
const LANES = 4
/** Shorter texts are read in one lane. */
const SHORT = 256

export function createAnchorSearch(anchors: readonly Anchor[]): AnchorSearch {
  const { words, table, firstAccepting, anchorsAt } = anchorTable(anchors)
  const hits = new Uint16Array(Math.max(1, anchors.length))
  const bytes = Buffer.alloc(BLOCK + LANES + WIDTH)
  const lanes = Array.from({ length: LANES }, () => new Int32Array(BLOCK))
  const starts = new Int32Array(BLOCK + LANES)
  let count = 0
  let cursor = 0
  let scanned = ''
  /** Start of the block whose starts are known. */
  let block = -1

  function scan(text: string, from: number): void {
    const length = Math.min(BLOCK, text.length - from)
    const piece =
      from === 0 && text.length <= BLOCK + WIDTH - 1 ? text : text.slice(from, from + length + WIDTH - 1)
    bytes.write(piece, 'latin1')
    bytes.fill(0, piece.length, Math.min(bytes.length, piece.length + LANES + WIDTH))
    count = length < SHORT ? oneLane(length) : fourLanes(length)
    for (let i = 0; i < count; i++) starts[i]! += from
    block = from
    cursor = 0
  }

  function oneLane(length: number): number {
    let state = 0
    let found = 0
    const end = length + WIDTH - 1
    for (let i = 0; i < end; i++) {
      state = table[(state << 7) | (bytes[i]! & 127)]!
      if (state >= firstAccepting && i >= WIDTH - 1) starts[found++] = i - (WIDTH - 1)
    }
    return found
  }

  function fourLanes(length: number): number {
    const share = Math.ceil(length / LANES)
    const end = share + WIDTH - 1
    const [first, second, third, fourth] = lanes as [Int32Array, Int32Array, Int32Array, Int32Array]
    const two = share
    const three = share * 2
    const four = share * 3
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    let inA = 0
    let inB = 0
    let inC = 0
    let inD = 0
    for (let i = 0; i < end; i++) {
      a = table[(a << 7) | (bytes[i]! & 127)]!
      b = table[(b << 7) | (bytes[i + two]! & 127)]!
      c = table[(c << 7) | (bytes[i + three]! & 127)]!
      d = table[(d << 7) | (bytes[i + four]! & 127)]!
      if (a >= firstAccepting) first[inA++] = i - (WIDTH - 1)
      if (b >= firstAccepting) second[inB++] = i - (WIDTH - 1) + two
      if (c >= firstAccepting) third[inC++] = i - (WIDTH - 1) + three
      if (d >= firstAccepting) fourth[inD++] = i - (WIDTH - 1) + four
    }
    starts.set(first.subarray(0, inA), 0)
    starts.set(second.subarray(0, inB), inA)
    starts.set(third.subarray(0, inC), inA + inB)
    starts.set(fourth.subarray(0, inD), inA + inB + inC)
    return inA + inB + inC + inD
  }

  function next(text: string, from: number): number {
    if (anchors.length === 0) return -1
    const length = text.length
    if (text !== scanned) {
      scanned = text
      block = -1
    }
    for (let at = from; at < length; ) {
      const wanted = at - (at % BLOCK)
      if (block !== wanted) scan(text, wanted)
      // Questions come in order, as a rule.
      if (cursor > 0 && starts[cursor - 1]! >= at) cursor = 0
      while (cursor < count && starts[cursor]! < at) cursor++
      if (cursor < count && starts[cursor]! < length) return starts[cursor]!
      at = wanted + BLOCK
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
