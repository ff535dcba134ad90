/**
 * The part of RE2's syntax that conditions may use (https://github.com/google/re2/wiki/Syntax): what a finite automaton can
 * decide. Back-references and look-around are refused; counted repetitions and the whole pattern are bounded.
 */
export type RegexNode =
  | { readonly type: 'empty' }
  | { readonly type: 'set'; readonly set: CharacterSet }
  | { readonly type: 'assert'; readonly what: 'start' | 'end' | 'word' | 'not-word' }
  | { readonly type: 'concat'; readonly items: readonly RegexNode[] }
  | { readonly type: 'alternate'; readonly items: readonly RegexNode[] }
  | { readonly type: 'repeat'; readonly item: RegexNode; readonly min: number; readonly max: number }

/** Code points as sorted, flat [from, to, from, to, …], both inclusive. */
export type CharacterSet = readonly number[]

export class RegexError extends Error {
  /** Offset in the pattern. */
  readonly at: number
  constructor(message: string, at: number) {
    super(message)
    this.name = 'RegexError'
    this.at = at
  }
}

const LAST = 0x10ffff
const REPEAT_LIMIT = 1000
const PATTERN_LIMIT = 1000
const DEPTH_LIMIT = 100

const DIGIT = [0x30, 0x39]
const WORD = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]
const SPACE = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20]
const CLASSES: Readonly<Record<string, CharacterSet>> = {
  d: DIGIT,
  w: WORD,
  s: SPACE,
  D: complement(DIGIT),
  W: complement(WORD),
  S: complement(SPACE),
}
const CONTROLS: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7 }

/** Throws RegexError. */
export function parseRegex(pattern: string): RegexNode {
  if (pattern.length > PATTERN_LIMIT) throw new RegexError(`is longer than ${PATTERN_LIMIT} characters`, 0)
  const state: State = { text: Array.from(pattern), at: 0, depth: 0, ignoreCase: false, dotAll: false }
  const node = alternation(state)
  if (state.at < state.text.length) throw new RegexError('unmatched )', state.at)
  return node
}

interface State {
  readonly text: readonly string[]
  at: number
  depth: number
  ignoreCase: boolean
  dotAll: boolean
}

function alternation(s: State): RegexNode {
  if (++s.depth > DEPTH_LIMIT) throw new RegexError('is nested too deeply', s.at)
  const items = [sequence(s)]
  while (s.text[s.at] === '|') {
    s.at++
    items.push(sequence(s))
  }
  s.depth--
  return items.length === 1 ? items[0]! : { type: 'alternate', items }
}

function sequence(s: State): RegexNode {
  const items: RegexNode[] = []
  while (s.at < s.text.length && s.text[s.at] !== '|' && s.text[s.at] !== ')') {
    const start = s.at
    const item = atom(s)
    items.push(item === null ? { type: 'empty' } : quantified(s, item, start))
  }
  return items.length === 1 ? items[0]! : { type: 'concat', items }
}

function quantified(s: State, item: RegexNode, start: number): RegexNode {
  let node = item
  for (let count = 0; ; count++) {
    const range = quantifier(s)
    if (range === null) return node
    if (count > 0) throw new RegexError('repeats a repetition', start)
    // A lazy one finds the same strings; only where a match ends would differ.
    if (s.text[s.at] === '?') s.at++
    else if (s.text[s.at] === '+') throw new RegexError('possessive repetition is not supported', s.at)
    node = { type: 'repeat', item: node, min: range[0], max: range[1] }
  }
}

function quantifier(s: State): [number, number] | null {
  const c = s.text[s.at]
  if (c === '*' || c === '+' || c === '?') {
    s.at++
    return c === '*' ? [0, Infinity] : c === '+' ? [1, Infinity] : [0, 1]
  }
  if (c !== '{') return null
  const start = s.at
  const found = /^\{(\d{1,5})(?:(,)(\d{1,5})?)?\}/.exec(s.text.slice(s.at, s.at + 14).join(''))
  if (found === null) throw new RegexError('{ begins a repetition; write \\{ for the character', start)
  s.at += found[0].length
  const min = Number(found[1])
  const max = found[2] === undefined ? min : found[3] === undefined ? Infinity : Number(found[3])
  if (min > REPEAT_LIMIT || (max !== Infinity && max > REPEAT_LIMIT) || max < min) {
    throw new RegexError(`repetition must be between 0 and ${REPEAT_LIMIT}, and in order`, start)
  }
  return [min, max]
}

function atom(s: State): RegexNode | null {
  const start = s.at
  const c = s.text[s.at++]!
  switch (c) {
    case '(':
      return group(s, start)
    case '[':
      return { type: 'set', set: bracket(s, start) }
    case '.':
      return { type: 'set', set: s.dotAll ? [0, LAST] : complement([10, 10]) }
    case '^':
      return { type: 'assert', what: 'start' }
    case '$':
      return { type: 'assert', what: 'end' }
    case '*':
    case '+':
    case '?':
    case '{':
      throw new RegexError(`nothing to repeat before ${c}`, start)
    case '\\':
      return escaped(s, start)
    default:
      return { type: 'set', set: letter(s, c.codePointAt(0)!) }
  }
}

/** Null for `(?i)`: it says something and matches nothing. */
function group(s: State, start: number): RegexNode | null {
  const before = { ignoreCase: s.ignoreCase, dotAll: s.dotAll }
  if (s.text[s.at] === '?') {
    const head = s.text.slice(s.at, s.at + 40).join('')
    const named = /^\?P?<([A-Za-z_]\w{0,30})>/.exec(head)
    const flags = /^\?([is]*)(:|\))/.exec(head)
    if (named !== null) s.at += named[0].length
    else if (flags !== null) {
      s.at += flags[0].length
      if (flags[1]!.includes('i')) s.ignoreCase = true
      if (flags[1]!.includes('s')) s.dotAll = true
      if (flags[2] === ')') return null
    } else if (/^\?(<?[=!])/.test(head)) throw new RegexError('look-around is not supported', start)
    else throw new RegexError('this kind of group is not supported', start)
  }
  const node = alternation(s)
  if (s.text[s.at++] !== ')') throw new RegexError('missing )', start)
  Object.assign(s, before)
  return node
}

function escaped(s: State, start: number): RegexNode {
  const c = s.text[s.at]
  if (c === 'b' || c === 'B') {
    s.at++
    return { type: 'assert', what: c === 'b' ? 'word' : 'not-word' }
  }
  if (c === 'A' || c === 'z') {
    s.at++
    return { type: 'assert', what: c === 'A' ? 'start' : 'end' }
  }
  const found = escapedCharacters(s, start)
  return { type: 'set', set: typeof found === 'number' ? letter(s, found) : found }
}

/** After a backslash, in a bracket or outside: one code point, or a class such as \d. */
function escapedCharacters(s: State, start: number): number | CharacterSet {
  const c = s.text[s.at++]
  if (c === undefined) throw new RegexError('ends with a backslash', start)
  if (Object.hasOwn(CLASSES, c)) return CLASSES[c]!
  if (Object.hasOwn(CONTROLS, c)) return CONTROLS[c]!
  if (c === 'x') {
    const found = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(s.text.slice(s.at, s.at + 8).join(''))
    const point = found === null ? LAST + 1 : Number.parseInt(found[1] ?? found[2]!, 16)
    if (point > LAST) throw new RegexError('\\x needs two hex digits, or some in braces', start)
    s.at += found![0].length
    return point
  }
  if (/[1-9]/.test(c)) throw new RegexError('back-references are not supported', start)
  if (/[A-Za-z0-9]/.test(c)) throw new RegexError(`\\${c} is not supported`, start)
  return c.codePointAt(0)!
}

function bracket(s: State, start: number): CharacterSet {
  const negated = s.text[s.at] === '^'
  if (negated) s.at++
  const ranges: number[] = []
  for (let first = true; first || s.text[s.at] !== ']'; first = false) {
    if (s.at >= s.text.length) throw new RegexError('missing ]', start)
    if (s.text[s.at] === '[' && s.text[s.at + 1] === ':') {
      throw new RegexError('[: :] classes are not supported', s.at)
    }
    const from = bracketItem(s)
    if (typeof from !== 'number') {
      ranges.push(...from)
      continue
    }
    if (s.text[s.at] !== '-' || s.text[s.at + 1] === ']' || s.at + 1 >= s.text.length) {
      ranges.push(...letter(s, from))
      continue
    }
    const dash = s.at++
    const to = bracketItem(s)
    if (typeof to !== 'number' || to < from) throw new RegexError('not a range', dash)
    ranges.push(...(s.ignoreCase ? foldRange(from, to) : [from, to]))
  }
  s.at++
  const set = normalised(ranges)
  return negated ? complement(set) : set
}

function bracketItem(s: State): number | CharacterSet {
  const start = s.at
  const c = s.text[s.at++]!
  return c === '\\' ? escapedCharacters(s, start) : c.codePointAt(0)!
}

/** ASCII only: in Unicode's folding a Kelvin sign would match k, and API names are ASCII. */
function letter(s: State, point: number): CharacterSet {
  return s.ignoreCase ? foldRange(point, point) : [point, point]
}

function foldRange(from: number, to: number): CharacterSet {
  const ranges = [from, to]
  for (const [low, high, shift] of [
    [0x41, 0x5a, 32],
    [0x61, 0x7a, -32],
  ] as const) {
    const a = Math.max(from, low)
    const b = Math.min(to, high)
    if (a <= b) ranges.push(a + shift, b + shift)
  }
  return normalised(ranges)
}

function normalised(ranges: readonly number[]): CharacterSet {
  const pairs: [number, number][] = []
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!])
  pairs.sort((a, b) => a[0] - b[0])
  const result: number[] = []
  for (const [from, to] of pairs) {
    if (result.length > 0 && from <= result.at(-1)! + 1)
      result[result.length - 1] = Math.max(result.at(-1)!, to)
    else result.push(from, to)
  }
  return result
}

function complement(set: CharacterSet): CharacterSet {
  const result: number[] = []
  let next = 0
  for (let i = 0; i < set.length; i += 2) {
    if (set[i]! > next) result.push(next, set[i]! - 1)
    next = set[i + 1]! + 1
  }
  if (next <= LAST) result.push(next, LAST)
  return result
}
