/**
 * `npm run fuzz -- [--minutes N] [--target NAME] [--seed S] [--save DIR] [--input FILE]`: throws made-up input at all that
 * takes bytes from strangers, each target in a process of its own, the time shared among them. The same seed makes the
 * same inputs. A failing input is kept outside of the repository, with how to try it again. Exit status 1 when one failed.
 */
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Outcome, save, supervise } from '../test/fuzz/supervise.ts'
import { targetNames } from '../test/fuzz/targets/all.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    target: { type: 'string', multiple: true },
    seed: { type: 'string' },
    save: { type: 'string', default: join(tmpdir(), 'sallyport-fuzz') },
    input: { type: 'string' },
  },
})

function fail(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

const minutes = Number(values.minutes)
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const names = values.target ?? targetNames
if (!(minutes > 0) || !Number.isInteger(seed)) fail('--minutes takes a number above 0, --seed a whole number')
for (const name of names) {
  if (!targetNames.includes(name)) fail(`no target ${name}; there are ${targetNames.join(', ')}`)
}
const directory = resolve(values.save)
if (!relative(join(import.meta.dirname, '..'), directory).startsWith('..')) {
  fail('--save takes a directory outside of the repository: what fails may be large, and is not reviewed')
}
if (values.input !== undefined && names.length !== 1) fail('--input needs --target: what shall take it')

console.log(`seed ${seed}`)
const milliseconds = (minutes * 60_000) / names.length
let failed = 0
for (const target of names) {
  const most = Number.MAX_SAFE_INTEGER
  const file = values.input === undefined ? {} : { file: values.input }
  const outcome = await supervise({ target, seed, from: 0, milliseconds, most, ...file })
  console.log(lineOf(outcome))
  if (outcome.failure === undefined) continue
  failed += 1
  console.log(`  ${outcome.failure.problem.replaceAll('\n', '\n  ')}`)
  if (values.input !== undefined) continue
  const kept = save(directory, outcome)
  console.log(`  kept as ${kept}`)
  console.log(`  again: npm run fuzz -- --target ${target} --input ${kept}`)
}
process.exitCode = failed === 0 ? 0 : 1

function lineOf({ target, inputs, counts, failure }: Outcome): string {
  const sorted = Object.entries(counts).sort((a, b) => b[1] - a[1])
  const shown = sorted.slice(0, 12).map(([name, count]) => `${name} ${count}`)
  const more = sorted.length > 12 ? `, ${sorted.length - 12} more` : ''
  const end = failure === undefined ? '' : `  FAILED at input ${failure.index}`
  return `${target.padEnd(14)} ${String(inputs).padStart(8)} inputs  ${shown.join(', ')}${more}${end}`
}
