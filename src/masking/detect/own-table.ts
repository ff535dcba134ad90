import { compileAutomaton, type Instruction } from '../../policy/regex/automaton.ts'
import { type CharacterSet, RegexError, type RegexNode } from '../../policy/regex/syntax.ts'

/** States of one table: what a pattern may cost in memory (4 bytes for each state and class of letters). */
const STATE_LIMIT = 4000
const WORK_LIMIT = 20_000_000

/**
 * A deterministic automaton, made whole when the pattern is loaded. A step's result is the next state times two, plus
 * one if a match ended before the letter. Letters beyond ASCII are one class; -1 is the end of the line.
 */
export interface StateTable {
  initial(before: number): number
  step(state: number, code: number): number
  accepts(state: number, following: number): boolean
  isDead(state: number): boolean
}

type Context = 0 | 1 | 2
const EDGE: Context = 0
const WORD: Context = 1
const OTHER: Context = 2

/** @param anywhere Whether a match may begin at each letter, or only at the first. Throws RegexError when too large. */
export function createTable(node: RegexNode, anywhere: boolean): StateTable {
  const program = compileAutomaton(node)
  const { classOf, letters } = classesOf(program)
  const end = letters.length
  const width = end + 1
  const states = new Map<string, number>()
  const sets: (readonly number[])[] = []
  const contexts: Context[] = []
  const rows: Int32Array[] = []
  let work = 0

  const stateOf = (set: readonly number[], context: Context): number => {
    const key = `${context}:${set.join(',')}`
    const known = states.get(key)
    if (known !== undefined) return known
    if (sets.length >= STATE_LIMIT) throw tooLarge()
    states.set(key, sets.length)
    sets.push(set)
    contexts.push(context)
    return sets.length - 1
  }

  const initials = [EDGE, WORD, OTHER].map(context => stateOf([0], context))
  for (let state = 0; state < sets.length; state++) {
    const row = new Int32Array(width)
    const from = anywhere && !sets[state]!.includes(0) ? [0, ...sets[state]!] : sets[state]!
    for (let c = 0; c < width; c++) {
      const point = c === end ? -1 : letters[c]!
      const threads: number[] = []
      const matched = closure(program, from, contexts[state]!, contextOf(point), threads)
      work += from.length + threads.length + 1
      if (work > WORK_LIMIT) throw tooLarge()
      if (c === end) {
        row[c] = matched ? 1 : 0
        continue
      }
      const following: number[] = []
      for (const pc of threads) {
        const instruction = program[pc]!
        if (instruction.op === 'set' && contains(instruction.set, point)) following.push(pc + 1)
      }
      following.sort((a, b) => a - b)
      row[c] = stateOf(following, contextOf(point)) * 2 + (matched ? 1 : 0)
    }
    rows.push(row)
  }

  const table = new Int32Array(sets.length * width)
  for (const [state, row] of rows.entries()) table.set(row, state * width)
  const dead = sets.map(set => set.length === 0 && !anywhere)
  return {
    initial: before => initials[contextOf(before)]!,
    step: (state, code) => table[state * width + classOf[Math.min(code, 128)]!]!,
    accepts: (state, code) =>
      (table[state * width + (code === -1 ? end : classOf[Math.min(code, 128)]!)]! & 1) === 1,
    isDead: state => dead[state]!,
  }
}

function tooLarge(): RegexError {
  return new RegexError('can be matched in too many ways: fewer or shorter repetitions, please', 0)
}

function contextOf(code: number): Context {
  if (code === -1) return EDGE
  const isWord =
    (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122)
  return isWord ? WORD : OTHER
}

/** All that is reached without taking a letter; whether the end of the pattern is among it. */
function closure(
  program: readonly Instruction[],
  from: readonly number[],
  before: Context,
  after: Context,
  threads: number[],
): boolean {
  const seen = new Set<number>()
  const stack = [...from]
  let matched = false
  while (stack.length > 0) {
    const pc = stack.pop()!
    if (seen.has(pc)) continue
    seen.add(pc)
    const instruction = program[pc]!
    if (instruction.op === 'match') matched = true
    else if (instruction.op === 'split') stack.push(...instruction.next)
    else if (instruction.op === 'set') threads.push(pc)
    else if (holds(instruction.what, before, after)) stack.push(pc + 1)
  }
  return matched
}

function holds(what: 'start' | 'end' | 'word' | 'not-word', before: Context, after: Context): boolean {
  if (what === 'start') return before === EDGE
  if (what === 'end') return after === EDGE
  return ((before === WORD) !== (after === WORD)) === (what === 'word')
}

/** Letters that no set and no border tells apart are one class; 128 stands for all beyond ASCII. */
function classesOf(program: readonly Instruction[]): { classOf: Uint8Array; letters: readonly number[] } {
  const sets = program.flatMap(instruction => (instruction.op === 'set' ? [instruction.set] : []))
  const distinct = [...new Map(sets.map(set => [set.join(','), set])).values()]
  const classOf = new Uint8Array(129)
  const known = new Map<string, number>()
  const letters: number[] = []
  for (let code = 0; code <= 128; code++) {
    const key = `${contextOf(code)}${distinct.map(set => (contains(set, code) ? 1 : 0)).join('')}`
    let number = known.get(key)
    if (number === undefined) {
      number = letters.push(code) - 1
      known.set(key, number)
    }
    classOf[code] = number
  }
  return { classOf, letters }
}

function contains(set: CharacterSet, point: number): boolean {
  for (let i = 0; i < set.length; i += 2) {
    if (point >= set[i]! && point <= set[i + 1]!) return true
  }
  return false
}
