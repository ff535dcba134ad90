import type { ASTNode } from '@marcbachmann/cel-js'
import { RegexError } from '../regex/syntax.ts'
import { comprehensions, globalFunctions, methods, preparePattern } from './functions.ts'

/** An error of a condition's text. Offset from its beginning. */
export class ConditionSyntaxError extends Error {
  readonly at: number
  constructor(message: string, at: number) {
    super(message)
    this.name = 'ConditionSyntaxError'
    this.at = at
  }
}

const NESTED_LOOPS = 3

/**
 * Writes a checked expression anew: only functions of the list, each under the name of its bounded form, and a meter
 * around whatever a loop touches, since a loop's cost depends on the request. Throws ConditionSyntaxError.
 */
export function emitMetered(node: ASTNode): string {
  return emit(node, 0)
}

function emit(node: ASTNode, loops: number): string {
  switch (node.op) {
    case 'value':
      return literal(node.args, node.start)
    case 'id':
      return node.args
    case '.':
      return `${emit(node.args[0], loops)}.${node.args[1]}`
    case '[]':
      return `${emit(node.args[0], loops)}[${emit(node.args[1], loops)}]`
    case 'list':
      return `[${node.args.map(item => emit(item, loops)).join(', ')}]`
    case 'map':
      return `{${node.args.map(([k, v]) => `${emit(k, loops)}: ${emit(v, loops)}`).join(', ')}}`
    case '?:':
      return `(${node.args.map(arg => emit(arg, loops)).reduce((a, b, i) => `${a} ${i === 1 ? '?' : ':'} ${b}`)})`
    case '!_':
    case '-_':
      return `(${node.op[0]}${emit(node.args, loops)})`
    case '||':
    case '&&':
      return `(${emit(node.args[0], loops)} ${node.op} ${emit(node.args[1], loops)})`
    case 'in':
      return `(${operand(node.args[0], loops)} in ${operand(node.args[1], loops)})`
    case 'call':
      return call(node.args[0], node.args[1], node.start, loops)
    case 'rcall':
      return methodCall(node.args[0], node.args[1], node.args[2], node, loops)
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return `(${operand(node.args[0], loops)} ${node.op} ${operand(node.args[1], loops)})`
    default:
      throw new ConditionSyntaxError(`${(node as ASTNode).op} is not supported`, (node as ASTNode).start)
  }
}

/** Inside a loop everything that can be large is charged for each time that it is touched. */
function operand(node: ASTNode, loops: number): string {
  const text = emit(node, loops)
  return loops === 0 || node.op === 'value' ? text : `metered(${text})`
}

function call(name: string, args: readonly ASTNode[], at: number, loops: number): string {
  const target = globalFunctions[name]
  if (target === undefined) throw new ConditionSyntaxError(`there is no function ${name}`, at)
  const emitted = args.map(arg => (name === 'has' ? emit(arg, loops) : operand(arg, loops)))
  return `${target}(${emitted.join(', ')})`
}

function methodCall(
  name: string,
  receiver: ASTNode,
  args: readonly ASTNode[],
  node: ASTNode,
  loops: number,
): string {
  const target = methods[name]
  if (target === undefined) throw new ConditionSyntaxError(`there is no function ${name}`, node.start)
  if (comprehensions.has(name)) {
    if (loops >= NESTED_LOOPS) {
      throw new ConditionSyntaxError(`loops are nested deeper than ${NESTED_LOOPS}`, node.start)
    }
    const [variable, ...bodies] = args.map((arg, i) => emit(arg, i === 0 ? loops : loops + 1))
    return `metered(${emit(receiver, loops)}).${target}(${[variable, ...bodies].join(', ')})`
  }
  if (name === 'matches') checkPattern(args[0])
  return `${operand(receiver, loops)}.${target}(${args.map(arg => operand(arg, loops)).join(', ')})`
}

/** Patterns are part of the policy, never of a request: they are compiled once and their cost is known. */
function checkPattern(pattern: ASTNode | undefined): void {
  if (pattern === undefined) return
  if (pattern.op !== 'value' || typeof pattern.args !== 'string') {
    throw new ConditionSyntaxError('the pattern of matches() must be a text in quotes', pattern.start)
  }
  try {
    preparePattern(pattern.args)
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
    throw new ConditionSyntaxError(`the pattern ${error.message}`, pattern.start)
  }
}

function literal(value: unknown, at: number): string {
  switch (typeof value) {
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'number': {
      const text = String(value)
      return /^-?\d+$/.test(text) ? `${text}.0` : text
    }
    case 'string':
      return quoted(value)
    case 'object':
      if (value === null) return 'null'
      if (value instanceof Uint8Array) return `b"${Array.from(value, hex).join('')}"`
      return `${String(value)}u`
    default:
      throw new ConditionSyntaxError('this literal is not supported', at)
  }
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

function quoted(text: string): string {
  let result = '"'
  for (const c of text) {
    const point = c.codePointAt(0)!
    if (point >= 0x20 && point < 0x7f && c !== '"' && c !== '\\') result += c
    else result += `\\U${point.toString(16).padStart(8, '0')}`
  }
  return `${result}"`
}
