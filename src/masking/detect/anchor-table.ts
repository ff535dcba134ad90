import type { Anchor } from './detector.ts'

/** Letters of an anchor that the automaton reads. A shorter one is followed by anything. */
export const WIDTH = 4
/** Letters that the automaton tells apart; those from 128 on are all alike. */
export const LETTERS = 256
/** Membership by code: 0 to 127, and 128 for all others. */
export type LetterSet = Uint8Array
/** Of the codes that a set knows. */
const PAIRS = 129

export interface AnchorTable {
  readonly words: readonly (readonly LetterSet[])[]
  /** Next state by state + letter; 0 is the first state, and all are multiples of `LETTERS`. */
  readonly table: Int32Array
  /** States from here on mean that an anchor ended with this letter. A power of two. */
  readonly firstAccepting: number
  /** Which anchors can begin with these two letters. */
  anchorsAt(first: number, second: number): readonly number[]
}

/** The last tables by their anchors: many principals have the same rules, and a table takes a while to build. */
const built = new Map<string, AnchorTable>()

export function anchorTable(anchors: readonly Anchor[]): AnchorTable {
  const key = anchors.map(anchor => `${anchor.ignoreCase} ${anchor.text}`).join('\n')
  const known = built.get(key)
  if (known !== undefined) return known
  const table = build(anchors.map(lettersOf))
  if (built.size >= 8) built.delete(built.keys().next().value!)
  built.set(key, table)
  return table
}

function build(words: readonly (readonly LetterSet[])[]): AnchorTable {
  if (words.some(word => word.length < 2)) throw new RangeError('an anchor has at least two letters')
  const { bucketOf, buckets } = bucketsOf(words)
  return {
    words,
    ...automaton(words.map(word => Array.from({ length: WIDTH }, (_, i) => word[i]))),
    anchorsAt: (first, second) => buckets[bucketOf[Math.min(first, 128) * PAIRS + Math.min(second, 128)]!]!,
  }
}

function lettersOf(anchor: Anchor): LetterSet[] {
  const sets: LetterSet[] = []
  const source = anchor.text
  for (let i = 0; i < source.length; i++) {
    const set = new Uint8Array(129)
    const inSet = source[i] === '['
    const negated = inSet && source[i + 1] === '^'
    if (inSet) i = readSet(source, i + (negated ? 2 : 1), set)
    else set[source.charCodeAt(i)] = 1
    if (anchor.ignoreCase) ignoreCase(set)
    if (negated) for (let code = 0; code <= 128; code++) set[code] = 1 - set[code]!
    sets.push(set)
  }
  return sets
}

/** Returns the offset of the closing bracket. */
function readSet(source: string, from: number, set: LetterSet): number {
  let i = from
  for (; source[i] !== ']'; i++) {
    const start = source.charCodeAt(i)
    const isRange = source[i + 1] === '-' && source[i + 2] !== ']'
    const end = isRange ? source.charCodeAt(i + 2) : start
    for (let code = start; code <= end; code++) set[code] = 1
    if (isRange) i += 2
  }
  return i
}

function ignoreCase(set: LetterSet): void {
  for (let code = 97; code <= 122; code++) {
    const either = set[code]! | set[code - 32]!
    set[code] = either
    set[code - 32] = either
  }
}

function mayBe(set: LetterSet | undefined, letter: number): boolean {
  return set === undefined || set[Math.min(letter, 128)] === 1
}

/** States are sets of (word, letters read); those in which a word is complete get the highest numbers. */
function automaton(words: readonly (readonly (LetterSet | undefined)[])[]): {
  table: Int32Array
  firstAccepting: number
} {
  const { classOf, classes } = classesOf(words)
  /** Places by class of letter: those that a word begins with, and those that go on from a place. */
  const begun = classes.map(letter =>
    words.flatMap((word, i) => (mayBe(word[0], letter) ? [i * WIDTH + 1] : [])),
  )
  const states = new Map<string, number>([['', 0]])
  const sets: (readonly number[])[] = [[]]
  const rows: Int32Array[] = []
  for (let state = 0; state < sets.length; state++) {
    const byClass = classes.map((letter, number) => {
      const following = [...begun[number]!]
      for (const place of sets[state]!) {
        const read = place % WIDTH
        // Place 0 of the next word stands for a complete one.
        if (read !== 0 && mayBe(words[(place - read) / WIDTH]![read], letter)) following.push(place + 1)
      }
      const key = following.sort((a, b) => a - b).join()
      let next = states.get(key)
      if (next === undefined) {
        next = sets.push(following) - 1
        states.set(key, next)
      }
      return next
    })
    rows.push(Int32Array.from({ length: LETTERS }, (_, letter) => byClass[classOf[letter]!]!))
  }
  if (sets.length > 65_535) throw new RangeError('too many patterns at once')
  return numbered(
    rows,
    sets.map(set => set.some(place => place % WIDTH === 0)),
  )
}

/** Letters that no word tells apart are one class. */
function classesOf(words: readonly (readonly (LetterSet | undefined)[])[]): {
  classOf: Uint8Array
  classes: readonly number[]
} {
  const sets = new Set<LetterSet>()
  for (const word of words) for (const set of word) if (set !== undefined) sets.add(set)
  const all = [...sets]
  const known = new Map<string, number>()
  const classes: number[] = []
  const classOf = Uint8Array.from({ length: LETTERS }, (_, letter) => {
    const key = all.map(set => (mayBe(set, letter) ? 1 : 0)).join('')
    const number = known.get(key) ?? classes.push(letter) - 1
    known.set(key, number)
    return number
  })
  return { classOf, classes }
}

function numbered(
  rows: readonly Int32Array[],
  accepting: readonly boolean[],
): { table: Int32Array; firstAccepting: number } {
  let firstAccepting = LETTERS
  while (firstAccepting < accepting.filter(is => !is).length * LETTERS) firstAccepting *= 2
  const number = new Int32Array(rows.length)
  let plain = 0
  let complete = firstAccepting
  for (let state = 0; state < rows.length; state++) {
    number[state] = accepting[state] ? complete : plain
    if (accepting[state]) complete += LETTERS
    else plain += LETTERS
  }
  const table = new Int32Array(complete)
  for (const [state, row] of rows.entries()) {
    for (let letter = 0; letter < LETTERS; letter++) table[number[state]! + letter] = number[row[letter]!]!
  }
  return { table, firstAccepting }
}

function bucketsOf(words: readonly (readonly LetterSet[])[]): {
  bucketOf: Uint16Array
  buckets: readonly (readonly number[])[]
} {
  const members = new Map<number, number[]>()
  for (const [number, word] of words.entries()) {
    for (let a = 0; a < PAIRS; a++) {
      if (!mayBe(word[0], a)) continue
      for (let b = 0; b < PAIRS; b++) {
        if (!mayBe(word[1], b)) continue
        const list = members.get(a * PAIRS + b)
        if (list === undefined) members.set(a * PAIRS + b, [number])
        else list.push(number)
      }
    }
  }
  const bucketOf = new Uint16Array(PAIRS * PAIRS)
  const buckets: number[][] = [[]]
  for (const [block, list] of members) bucketOf[block] = buckets.push(list) - 1
  return { bucketOf, buckets }
}
