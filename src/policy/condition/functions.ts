import type { Environment } from '@marcbachmann/cel-js'
import { Duration } from '@marcbachmann/cel-js/evaluator'
import { compileRegex, type LinearRegex } from '../regex/linear-regex.ts'
import { charge, metered } from './budget.ts'

/**
 * Functions that a condition may call, and the name under which the engine runs them: its own `matches` backtracks, its
 * `duration` takes quadratic time, its `lowerAscii` folds more than ASCII. What is not listed is refused.
 */
export const globalFunctions: Readonly<Record<string, string>> = table({
  has: 'has',
  size: 'size',
  int: 'int',
  uint: 'uint',
  double: 'double',
  string: 'string',
  bool: 'bool',
  dyn: 'dyn',
  type: 'type',
  timestamp: 'timestamp',
  duration: 'boundedDuration',
})

export const comprehensions: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

export const methods: Readonly<Record<string, string>> = table({
  ...Object.fromEntries([...comprehensions].map(name => [name, name])),
  size: 'size',
  contains: 'contains',
  startsWith: 'startsWith',
  endsWith: 'endsWith',
  matches: 'linearMatches',
  lowerAscii: 'asciiLower',
  upperAscii: 'asciiUpper',
  trim: 'trim',
  split: 'split',
  join: 'join',
  indexOf: 'indexOf',
  lastIndexOf: 'lastIndexOf',
  substring: 'substring',
  getFullYear: 'getFullYear',
  getMonth: 'getMonth',
  getDate: 'getDate',
  getDayOfMonth: 'getDayOfMonth',
  getDayOfWeek: 'getDayOfWeek',
  getDayOfYear: 'getDayOfYear',
  getHours: 'getHours',
  getMinutes: 'getMinutes',
  getSeconds: 'getSeconds',
  getMilliseconds: 'getMilliseconds',
})

function table(entries: Record<string, string>): Readonly<Record<string, string>> {
  return Object.freeze(Object.assign(Object.create(null) as Record<string, string>, entries))
}

/** Patterns of loaded conditions. Compiled when a condition is, so that a bad one is an error of the document. */
const patterns = new Map<string, LinearRegex>()
const PATTERN_CACHE = 2000

/** Throws RegexError. */
export function preparePattern(pattern: string): LinearRegex {
  let regex = patterns.get(pattern)
  if (regex === undefined) {
    regex = compileRegex(pattern)
    if (patterns.size >= PATTERN_CACHE) patterns.clear()
    patterns.set(pattern, regex)
  }
  return regex
}

export function registerFunctions(environment: Environment): void {
  const sync = { async: false }
  environment.registerFunction('metered(dyn): dyn', metered, sync)
  environment.registerFunction('string.linearMatches(string): bool', linearMatches, sync)
  environment.registerFunction(
    'string.asciiLower(): string',
    (text: string) => text.replace(/[A-Z]/g, c => c.toLowerCase()),
    sync,
  )
  environment.registerFunction(
    'string.asciiUpper(): string',
    (text: string) => text.replace(/[a-z]/g, c => c.toUpperCase()),
    sync,
  )
  environment.registerFunction('boundedDuration(string): google.protobuf.Duration', boundedDuration, sync)
}

function linearMatches(text: string, pattern: string): boolean {
  const regex = preparePattern(pattern)
  charge(1 + Math.ceil((text.length * regex.size) / 16))
  return regex.test(text)
}

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  ns: 1n,
}

/** `1h30m`, `-1.5s`, as Go's time.ParseDuration reads it. */
function boundedDuration(text: string): Duration {
  if (text.length > 64 || !/^-?(?:\d{1,12}(?:\.\d{1,9})?(?:h|ms|m|s|us|ns))+$/.test(text)) {
    throw new Error('duration() needs a text such as 90s or 1h30m')
  }
  let total = 0n
  for (const [, whole, fraction = '', unit] of text.matchAll(/(\d+)(?:\.(\d+))?(h|ms|m|s|us|ns)/g)) {
    const size = NANOSECONDS[unit!]!
    total += BigInt(whole!) * size + (BigInt(fraction.padEnd(9, '0')) * size) / 1_000_000_000n
  }
  const sign = text.startsWith('-') ? -1n : 1n
  return new Duration(sign * (total / 1_000_000_000n), Number(sign * (total % 1_000_000_000n)))
}
