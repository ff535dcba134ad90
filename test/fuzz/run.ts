import { corpusOf } from './corpus.ts'
import { minimise } from './minimise.ts'
import { type Checker, type FuzzTarget, randomOf, textOf } from './target.ts'

export interface RunOptions {
  readonly seed: number
  /** Number of the first input. */
  readonly from: number
  readonly milliseconds: number
  /** Inputs at most. */
  readonly most: number
}

export interface Finding {
  readonly index: number
  readonly problem: string
  readonly input: Buffer
}

export interface RunResult {
  readonly inputs: number
  readonly counts: Readonly<Record<string, number>>
  readonly finding: Finding | undefined
}

/** Told before work that may take its time. */
export type Progress = (from: number, count: number) => void

/** Makes and checks inputs until the time is over or one fails. `progress` is told of each batch before it is checked. */
export async function runTarget(
  target: FuzzTarget,
  options: RunOptions,
  progress: Progress = () => {},
): Promise<RunResult> {
  const corpus = corpusOf(target.name).map(each => each.input)
  const until = performance.now() + options.milliseconds
  const stray: unknown[] = []
  const keep = (error: unknown): void => void stray.push(error)
  const giveBack = takeOver(keep)
  const checker = await target.open()
  let finding: Finding | undefined
  let index = options.from
  const end = options.from + options.most
  try {
    while (finding === undefined && index < end && performance.now() < until) {
      const count = Math.min(target.batch, end - index)
      const inputs = Array.from({ length: count }, (_, i) =>
        target.generate(randomOf(options.seed, target.name, index + i), corpus),
      )
      progress(index, count)
      finding = await findIn(checker, inputs, index, stray, progress)
      index += count
    }
    if (finding !== undefined) finding = await shortened(checker, finding, stray, progress)
  } finally {
    await checker.close().catch(keep)
    giveBack()
  }
  return { inputs: index - options.from, counts: Object.fromEntries(checker.counts), finding }
}

/** What nobody catches comes here, and to nobody else (a test runner listens as well); returns how to end that. */
export function takeOver(keep: (error: unknown) => void): () => void {
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const others = events.map(event => process.rawListeners(event) as unknown as ((error: unknown) => void)[])
  for (const event of events) process.removeAllListeners(event).on(event, keep)
  return () => {
    for (const [i, event] of events.entries()) {
      process.off(event, keep)
      for (const other of others[i]!) process.on(event, other)
    }
  }
}

/** What is wrong with one input, by itself. */
export async function problemOf(
  checker: Checker,
  input: Buffer,
  stray: unknown[] = [],
): Promise<string | null> {
  stray.length = 0
  let problem: string | null
  try {
    problem = (await checker.check([input]))[0] ?? null
  } catch (error) {
    problem = textOf(error)
  }
  // What an input has started may throw a moment later.
  await new Promise(setImmediate)
  return problem ?? (stray.length === 0 ? null : `uncaught: ${textOf(stray[0])}`)
}

async function findIn(
  checker: Checker,
  inputs: readonly Buffer[],
  from: number,
  stray: unknown[],
  progress: Progress,
): Promise<Finding | undefined> {
  let problems: readonly (string | null)[]
  try {
    problems = await checker.check(inputs)
  } catch (error) {
    problems = inputs.map(() => null)
    stray.push(error)
  }
  // What nobody catches is told of only then.
  await new Promise(setImmediate)
  const at = problems.findIndex(problem => problem !== null)
  if (at >= 0) return { index: from + at, problem: problems[at]!, input: inputs[at]! }
  if (stray.length === 0) return undefined
  const all = textOf(stray[0])
  // Something went wrong with one of them: each by itself says with which.
  for (const [i, input] of inputs.entries()) {
    progress(from + i, 1)
    const problem = await problemOf(checker, input, stray)
    if (problem !== null) return { index: from + i, problem, input }
  }
  return {
    index: from,
    problem: `only together (${inputs.length} inputs from this one on): ${all}`,
    input: inputs[0]!,
  }
}

async function shortened(
  checker: Checker,
  finding: Finding,
  stray: unknown[],
  progress: Progress,
): Promise<Finding> {
  const again = await problemOf(checker, finding.input, stray)
  if (again === null)
    return { ...finding, problem: `${finding.problem}\n(not when it is checked once more, by itself)` }
  const look = (shorter: Buffer): Promise<string | null> => {
    progress(finding.index, 1)
    return problemOf(checker, shorter, stray)
  }
  const input = await minimise(finding.input, again, look, { tries: 600, milliseconds: 20_000 })
  return { ...finding, input }
}
