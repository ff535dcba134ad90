import type { Anchor } from './detector.ts'

/**
 * Finds the next of many short words in a text: the shift table of Wu and Manber ("A fast algorithm for multi-pattern
 * searching", 1994) over blocks of two letters, so that most letters are never looked at. Anchors may have sets of
 * letters in them. Letters beyond ASCII fall together in the tables and are told apart when a word is checked.
 */
export interface AnchorSearch {
  /** Offset of the next anchor at or after `from`, or -1. */
  next(text: string, from: number): number
  /** Calls nothing, allocates nothing: the numbers of all anchors at an offset are left in `hits`; returns how many. */
  at(text: string, offset: number): number
  readonly hits: Uint16Array
}

/** Membership by code: 0 to 127, and 128 for all others. */
type LetterSet = Uint8Array

export function createAnchorSearch(anchors: readonly Anchor[]): AnchorSearch {
  const words = anchors.map(lettersOf)
  const width = Math.min(4, ...words.map(word => word.length))
  if (width < 2) throw new RangeError('an anchor has at least two letters')
  const shift = shiftTable(words, width)
  const { bucketOf, buckets } = bucketsOf(words)
  const hits = new Uint16Array(Math.max(1, anchors.length))
  const last = width - 1

  function at(text: string, offset: number): number {
    if (offset + 1 >= text.length) return 0
    const bucket = bucketOf[((text.charCodeAt(offset) & 127) << 7) | (text.charCodeAt(offset + 1) & 127)]!
    if (bucket === 0) return 0
    const members = buckets[bucket]!
    let count = 0
    for (let i = 0; i < members.length; i++) {
      if (stands(words[members[i]!]!, text, offset)) hits[count++] = members[i]!
    }
    return count
  }

  function next(text: string, from: number): number {
    if (anchors.length === 0) return -1
    const end = text.length
    let i = from + last
    while (i < end) {
      const step = shift[((text.charCodeAt(i - 1) & 127) << 7) | (text.charCodeAt(i) & 127)]!
      if (step > 0) {
        i += step
        continue
      }
      if (at(text, i - last) > 0) return i - last
      i++
    }
    return -1
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

function lettersOf(anchor: Anchor): LetterSet[] {
  const sets: LetterSet[] = []
  const source = anchor.text
  for (let i = 0; i < source.length; i++) {
    const set = new Uint8Array(129)
    if (source[i] === '[') i = readSet(source, i + 1, set)
    else set[source.charCodeAt(i)] = 1
    if (anchor.ignoreCase) ignoreCase(set)
    sets.push(set)
  }
  return sets
}

/** Returns the offset of the closing bracket. */
function readSet(source: string, from: number, set: LetterSet): number {
  let i = from
  const negated = source[i] === '^'
  if (negated) i++
  for (; source[i] !== ']'; i++) {
    const start = source.charCodeAt(i)
    const isRange = source[i + 1] === '-' && source[i + 2] !== ']'
    const end = isRange ? source.charCodeAt(i + 2) : start
    for (let code = start; code <= end; code++) set[code] = 1
    if (isRange) i += 2
  }
  if (negated) for (let code = 0; code <= 128; code++) set[code] = 1 - set[code]!
  return i
}

function ignoreCase(set: LetterSet): void {
  for (let code = 97; code <= 122; code++) {
    const either = set[code]! | set[code - 32]!
    set[code] = either
    set[code - 32] = either
  }
}

function shiftTable(words: readonly (readonly LetterSet[])[], width: number): Uint8Array {
  const shift = new Uint8Array(128 * 128).fill(width - 1)
  for (const word of words) {
    for (let place = 1; place < width; place++) {
      eachBlock(word[place - 1]!, word[place]!, block => {
        shift[block] = Math.min(shift[block]!, width - 1 - place)
      })
    }
  }
  return shift
}

function bucketsOf(words: readonly (readonly LetterSet[])[]): {
  bucketOf: Uint16Array
  buckets: readonly (readonly number[])[]
} {
  const members = new Map<number, number[]>()
  for (const [number, word] of words.entries()) {
    eachBlock(word[0]!, word[1]!, block => {
      const list = members.get(block)
      if (list === undefined) members.set(block, [number])
      else if (list.at(-1) !== number) list.push(number)
    })
  }
  const bucketOf = new Uint16Array(128 * 128)
  const buckets: number[][] = [[]]
  for (const [block, list] of members) bucketOf[block] = buckets.push(list) - 1
  return { bucketOf, buckets }
}

function eachBlock(first: LetterSet, second: LetterSet, seen: (block: number) => void): void {
  for (let a = 0; a < 128; a++) {
    if (first[a] === 0 && first[128] === 0) continue
    for (let b = 0; b < 128; b++) {
      if (second[b] === 1 || second[128] === 1) seen((a << 7) | b)
    }
  }
}
