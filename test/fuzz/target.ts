import { createHash } from 'node:crypto'
import { type Random, seeded } from '../parity/random.ts'

/** Something that takes bytes from strangers, and what must hold whatever they are. */
export interface FuzzTarget {
  readonly name: string
  /** Inputs that are checked together: more than one where a check has a price of its own. */
  readonly batch: number
  /** One input. `corpus` holds the kept ones of this target, to be changed a little. */
  generate(random: Random, corpus: readonly Buffer[]): Buffer
  open(): Promise<Checker>
}

export interface Checker {
  /** For each input what is wrong, or null. Throws only when it cannot work at all. */
  check(inputs: readonly Buffer[]): Promise<readonly (string | null)[]>
  /** What became of the inputs, by name: a run that only ever sees refusals says little. */
  readonly counts: ReadonlyMap<string, number>
  close(): Promise<void>
}

/** CPU time of one input, in milliseconds; wall-clock time says nothing on a busy machine. */
const LONGEST = 2_000

/**
 * A checker that looks at each input by itself. `look` returns what became of the input, for the counts, and throws
 * when an invariant does not hold.
 */
export function eachByItself(
  look: (input: Buffer) => string | Promise<string>,
  close: () => Promise<void> = async () => {},
  longest = LONGEST,
): Checker {
  const counts = new Map<string, number>()
  return {
    counts,
    close,
    async check(inputs) {
      const problems: (string | null)[] = []
      for (const input of inputs) {
        const before = process.cpuUsage()
        let problem: string | null = null
        try {
          const became = await look(input)
          counts.set(became, (counts.get(became) ?? 0) + 1)
        } catch (error) {
          problem = textOf(error)
        }
        const { user, system } = process.cpuUsage(before)
        const milliseconds = (user + system) / 1000
        if (milliseconds > longest)
          problem ??= `slow: ${Math.round(milliseconds)} ms of CPU for ${input.length} bytes`
        problems.push(problem)
      }
      return problems
    },
  }
}

/** The error and where it came from. */
export function textOf(error: unknown): string {
  return error instanceof Error
    ? `${error.stack ?? error.message}`.split('\n').slice(0, 8).join('\n')
    : String(error)
}

/** The generator of one input: the same seed, target and number give the same input, however long a run is. */
export function randomOf(seed: number, target: string, index: number): Random {
  return seeded(createHash('sha256').update(`${seed}/${target}/${index}`).digest().readUInt32BE(0))
}
