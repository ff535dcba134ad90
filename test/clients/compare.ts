import { strict as assert } from 'node:assert'
import type { TestContext } from 'node:test'
import { normalise } from '../e2e/normalise.ts'
import { type Ran, runProgram } from '../e2e/rig.ts'
import { type Step, tour } from '../e2e/tour.ts'
import type { Side, Sides } from './sides.ts'

export interface Program {
  readonly command: string
  args(side: Side): readonly string[]
}

/**
 * Runs a program that prints one JSON object `{step, …}` a line, directly and through the gateway. Fails when it
 * fails, or when its output differs in anything that is not in the table of normalised fields. Resolves with what it
 * printed directly.
 */
export async function assertSameTranscript(t: TestContext, sides: Sides, program: Program): Promise<string> {
  const run = (side: Side): Promise<Ran> =>
    runProgram(program.command, program.args(side), { timeout: 100_000 })
  const direct = await run(sides.direct)
  assert.equal(direct.code, 0, `directly: ${direct.stderr}`)
  const through = await run(sides.gateway)
  assert.equal(through.code, 0, `through the gateway: ${through.stderr}`)
  assert.deepEqual(normalise(through.stdout).split('\n'), normalise(direct.stdout).split('\n'))
  const lines = direct.stdout.trimEnd().split('\n')
  const steps = lines.map(line => (JSON.parse(line) as { step: string }).step)
  t.diagnostic(`${steps.length} steps equal: ${steps.join(', ')}`)
  return direct.stdout
}

/** The warnings of the gateway that kubectl printed, and everything else as it was. */
export function splitOurs(stderr: string): [ours: string[], others: string] {
  // What a review says of itself kubectl prints with words of its own.
  const mark = /^(?:Warning: |[Ww]arning: the list may be incomplete: )sallyport: /
  const lines = stderr.split('\n')
  const ours = lines.filter(line => mark.test(line)).map(line => line.replace(mark, ''))
  return [ours, lines.filter(line => !mark.test(line)).join('\n')]
}

/** Goes the tour of kubectl, each step directly and through the gateway. */
export async function assertSameTour(t: TestContext, sides: Sides): Promise<void> {
  const run = async (side: Side, step: Step): Promise<Ran> => {
    const own = (text: string): string => text.replaceAll('NAMESPACE', side.namespace)
    const read = step.from === undefined ? step.stdin : (await sides.kubectl(side, step.from)).stdout
    const isArgument = step.args.includes('OUTPUT')
    const args = step.args.map(arg => (arg === 'OUTPUT' ? read! : own(arg)))
    return sides.kubectl(side, args, read === undefined || isArgument ? undefined : own(read), step.env)
  }
  const stored = async (side: Side, args: readonly string[]): Promise<string> =>
    (await sides.kubectl({ ...sides.direct, namespace: side.namespace }, args)).stdout
  for (const step of tour) {
    await t.test(step.name, async () => {
      const [direct, through] = await Promise.all([run(sides.direct, step), run(sides.gateway, step)])
      assert.equal(direct.code, step.code ?? 0, `directly: ${direct.stderr}`)
      const expected = step.expect.source.replaceAll('NAMESPACE', sides.direct.namespace)
      assert.match(direct.stdout, new RegExp(expected, step.expect.flags))
      assert.equal(through.code, direct.code, `through the gateway: ${through.stderr}`)
      assert.equal(normalise(through.stdout), normalise(direct.stdout))
      const [ours, others] = splitOurs(through.stderr)
      assert.deepEqual(ours, step.warns ?? [])
      assert.equal(normalise(others), normalise(direct.stderr))
      if (step.stored === undefined) return
      const [kept, keptThrough] = await Promise.all([
        stored(sides.direct, step.stored),
        stored(sides.gateway, step.stored),
      ])
      assert.match(kept, /tr0ub4dor|dHIwdWI0ZG9y/)
      assert.equal(keptThrough, kept)
    })
  }
}
