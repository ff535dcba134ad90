// Builds every program of the testbed before the tests begin, so that no test waits for a compiler. Minutes the first
// time, milliseconds after that.
import { buildTestbed } from '../testbed/build.ts'
import { buildProgram } from '../testbed/build-program.ts'

const onProgress = (line: string): void => void process.stdout.write(`${line}\n`)
await buildTestbed({ onProgress })
for (const program of ['goclient', 'oracle', 'helm'] as const) await buildProgram(program, { onProgress })
