import { compileAutomaton, type Instruction } from './automaton.ts'
import { parseRegex } from './syntax.ts'

/** A pattern whose matching takes time in proportion to text times pattern, whatever the two are. */
export interface LinearRegex {
  readonly pattern: string
  /** Steps per character at worst. */
  readonly size: number
  /** Whether some part of the text matches, as CEL's `matches` and RE2's PartialMatch do. */
  test(text: string): boolean
}

/** Throws RegexError when the pattern is not one that an automaton can decide, or is too large. */
export function compileRegex(pattern: string): LinearRegex {
  const program = compileAutomaton(parseRegex(pattern))
  return { pattern, size: program.length, test: text => run(program, text) }
}

/** All threads of the automaton advance together over the text, at most one per instruction: no backtracking. */
function run(program: readonly Instruction[], text: string): boolean {
  let current: number[] = []
  let following: number[] = []
  /** The step in which an instruction was last entered. */
  const entered = new Int32Array(program.length).fill(-1)
  const stack: number[] = []
  let step = 0
  let before = -1
  for (let at = 0; ; ) {
    const point = at < text.length ? text.codePointAt(at)! : -1
    // A new attempt begins at every position.
    if (enter(program, 0, current, entered, stack, step, before, point)) return true
    for (let i = 0; i < following.length; i++) {
      if (enter(program, following[i]!, current, entered, stack, step, before, point)) return true
    }
    if (point === -1) return false
    following = []
    for (let i = 0; i < current.length; i++) {
      const instruction = program[current[i]!]!
      if (instruction.op === 'set' && contains(instruction.set, point)) following.push(current[i]! + 1)
    }
    current = []
    before = point
    at += point > 0xffff ? 2 : 1
    step++
  }
}

/** Follows everything that takes no character; true when the end of the pattern is reached. */
function enter(
  program: readonly Instruction[],
  start: number,
  threads: number[],
  entered: Int32Array,
  stack: number[],
  step: number,
  before: number,
  point: number,
): boolean {
  stack.push(start)
  let matched = false
  while (stack.length > 0) {
    const pc = stack.pop()!
    if (entered[pc] === step) continue
    entered[pc] = step
    const instruction = program[pc]!
    switch (instruction.op) {
      case 'match':
        matched = true
        break
      case 'split':
        for (const next of instruction.next) stack.push(next)
        break
      case 'assert':
        if (holds(instruction.what, before, point)) stack.push(pc + 1)
        break
      default:
        threads.push(pc)
    }
  }
  return matched
}

function holds(what: 'start' | 'end' | 'word' | 'not-word', before: number, point: number): boolean {
  if (what === 'start') return before === -1
  if (what === 'end') return point === -1
  return (isWord(before) !== isWord(point)) === (what === 'word')
}

function isWord(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || c === 0x5f || (c >= 0x61 && c <= 0x7a)
}

function contains(set: readonly number[], point: number): boolean {
  for (let i = 0; i < set.length; i += 2) {
    if (point < set[i]!) return false
    if (point <= set[i + 1]!) return true
  }
  return false
}
