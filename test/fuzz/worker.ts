/** One target in a process of its own, so that whoever hangs or runs out of memory takes nobody along. */
import { readFileSync } from 'node:fs'
import { problemOf, runTarget, takeOver } from './run.ts'
import { loadTarget } from './targets/all.ts'

export interface Task {
  readonly target: string
  readonly seed: number
  readonly from: number
  readonly milliseconds: number
  readonly most: number
  /** Checks this file and nothing else. */
  readonly file?: string
}

export type Report =
  | { readonly type: 'batch'; readonly from: number; readonly count: number }
  | {
      readonly type: 'done'
      readonly inputs: number
      readonly counts: Readonly<Record<string, number>>
      readonly finding: { readonly index: number; readonly problem: string; readonly input: string } | null
    }

const task = JSON.parse(process.argv[2] ?? '') as Task
const send = (report: Report): Promise<void> => new Promise(resolve => process.send!(report, () => resolve()))
const target = await loadTarget(task.target)
if (task.file === undefined) {
  const { inputs, counts, finding } = await runTarget(
    target,
    task,
    (from, count) => void send({ type: 'batch', from, count }),
  )
  const found = finding === undefined ? null : { ...finding, input: finding.input.toString('base64') }
  await send({ type: 'done', inputs, counts, finding: found })
} else {
  const stray: unknown[] = []
  takeOver(error => void stray.push(error))
  const input = readFileSync(task.file)
  const checker = await target.open()
  const problem = await problemOf(checker, input, stray)
  const finding = problem === null ? null : { index: -1, problem, input: input.toString('base64') }
  await send({ type: 'done', inputs: 1, counts: Object.fromEntries(checker.counts), finding })
}
process.exit(0)
