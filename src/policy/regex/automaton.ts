import { type CharacterSet, RegexError, type RegexNode } from './syntax.ts'

/** Instructions of a nondeterministic automaton. `next` of SPLIT and JUMP are indices into the same list. */
export type Instruction =
  | { readonly op: 'set'; readonly set: CharacterSet }
  | { readonly op: 'assert'; readonly what: 'start' | 'end' | 'word' | 'not-word' }
  | { readonly op: 'split'; readonly next: readonly number[] }
  | { readonly op: 'match' }

const PROGRAM_LIMIT = 2000

/** Counted repetitions are written out, so the program's length bounds the work per character. Throws RegexError. */
export function compileAutomaton(node: RegexNode): readonly Instruction[] {
  const program: Instruction[] = []
  emit(program, node)
  add(program, { op: 'match' })
  return program
}

function add(program: Instruction[], instruction: Instruction): number {
  if (program.length >= PROGRAM_LIMIT) throw new RegexError('is too large: fewer repetitions, please', 0)
  return program.push(instruction) - 1
}

function emit(program: Instruction[], node: RegexNode): void {
  switch (node.type) {
    case 'empty':
      return
    case 'set':
      add(program, { op: 'set', set: node.set })
      return
    case 'assert':
      add(program, { op: 'assert', what: node.what })
      return
    case 'concat':
      for (const item of node.items) emit(program, item)
      return
    case 'alternate':
      emitAlternate(program, node.items)
      return
    case 'repeat':
      emitRepeat(program, node)
  }
}

function emitAlternate(program: Instruction[], items: readonly RegexNode[]): void {
  const starts: number[] = []
  add(program, { op: 'split', next: starts })
  const exits: number[][] = []
  for (const item of items) {
    starts.push(program.length)
    emit(program, item)
    const exit: number[] = []
    add(program, { op: 'split', next: exit })
    exits.push(exit)
  }
  for (const exit of exits) exit.push(program.length)
}

function emitRepeat(program: Instruction[], node: Extract<RegexNode, { type: 'repeat' }>): void {
  for (let i = 0; i < node.min; i++) emit(program, node.item)
  if (node.max === Infinity) {
    const next: number[] = []
    const loop = add(program, { op: 'split', next })
    next.push(program.length)
    emit(program, node.item)
    add(program, { op: 'split', next: [loop] })
    next.push(program.length)
    return
  }
  const exits: number[][] = []
  for (let i = node.min; i < node.max; i++) {
    const next: number[] = []
    add(program, { op: 'split', next })
    next.push(program.length)
    exits.push(next)
    emit(program, node.item)
  }
  for (const exit of exits) exit.push(program.length)
}
