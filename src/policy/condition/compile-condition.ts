import { TypeError as CelTypeError, ParseError } from '@marcbachmann/cel-js'
import { budgetSpent, startBudget } from './budget.ts'
import { ConditionSyntaxError, emitMetered } from './emit.ts'
import { authorEnvironment, meteredEnvironment } from './environment.ts'
import type { Facts } from './facts.ts'

/** A condition that could not be answered: a field that is not there, a wrong type, too much work. */
export interface ConditionFailure {
  readonly error: string
}

export interface Condition {
  readonly source: string
  evaluate(facts: Facts): boolean | ConditionFailure
}

/** Line and column count from 1, inside the condition's own text. */
export interface ConditionError {
  readonly line: number
  readonly column: number
  readonly message: string
}

const SOURCE_LIMIT = 4096

/**
 * Compiles a CEL condition (https://github.com/google/cel-spec) over `principal`, `action`, `session`, `connection` and `now`.
 * Patterns of `matches` run in linear time, loops and their contents are metered, integers are int64.
 */
export function compileCondition(
  source: string,
): { readonly condition: Condition } | { readonly errors: readonly ConditionError[] } {
  if (source.length > SOURCE_LIMIT) return failed(source, 0, `is longer than ${SOURCE_LIMIT} characters`)
  try {
    const written = authorEnvironment.parse(source)
    const checked = written.check()
    if (!checked.valid) return failedBy(source, checked.error)
    const metered = meteredEnvironment.parse(emitMetered(written.ast))
    if (checked.type !== 'bool' && checked.type !== 'dyn') {
      return failed(source, 0, `must be true or false, and is of type ${checked.type}`)
    }
    const runnable = metered.check()
    if (!runnable.valid) return failedBy(source, runnable.error)
    return { condition: { source, evaluate: facts => evaluate(metered, facts) } }
  } catch (error) {
    return failedBy(source, error)
  }
}

function evaluate(run: (context: never) => unknown, facts: Facts): boolean | ConditionFailure {
  startBudget()
  try {
    const result = run(facts as never)
    if (budgetSpent()) return { error: 'the condition does too much work on this request' }
    if (typeof result === 'boolean') return result
    return { error: 'the condition is neither true nor false' }
  } catch (error) {
    return { error: summaryOf(error) }
  }
}

/** One line; the engine's own message draws a picture of the source. */
function summaryOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string }
  const text = typeof summary === 'string' ? summary : (message ?? 'unknown error')
  const line = text.split('\n')[0]!.slice(0, 120)
  return line === '' ? 'unknown error' : line.charAt(0).toLowerCase() + line.slice(1)
}

function failedBy(source: string, error: unknown): { readonly errors: readonly ConditionError[] } {
  const known =
    error instanceof ConditionSyntaxError || error instanceof ParseError || error instanceof CelTypeError
  if (!known && !(error instanceof Error && error.name === 'EvaluationError')) {
    // Whatever else the engine throws is an error of this condition too: it must not take a rule out of force.
    return failed(source, 0, `cannot be compiled: ${summaryOf(error)}`)
  }
  const at =
    error instanceof ConditionSyntaxError
      ? error.at
      : ((error as { range?: { start: number } }).range?.start ?? 0)
  return failed(source, at, summaryOf(error))
}

function failed(source: string, at: number, message: string): { readonly errors: readonly ConditionError[] } {
  const before = source.slice(0, at)
  const line = before.split('\n').length
  return { errors: [{ line, column: at - (before.lastIndexOf('\n') + 1) + 1, message }] }
}
