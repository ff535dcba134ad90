import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { corpusOf } from './corpus.ts'
import { randomOf } from './target.ts'
import { loadTarget } from './targets/all.ts'
import type { Report, Task } from './worker.ts'

/** Milliseconds without a word before a target counts as hanging; generous, for busy machines. */
const SILENCE = 60_000
/** Megabytes that a target may hold. */
const MEMORY = 1024

export interface Outcome {
  readonly target: string
  readonly inputs: number
  readonly counts: Readonly<Record<string, number>>
  readonly failure?: { readonly index: number; readonly problem: string; readonly input: Buffer }
}

/** Runs one task in a process of its own. A process that says nothing for too long, or dies, is a failure as well. */
export async function supervise(task: Task): Promise<Outcome> {
  const { done, batch, ended } = await runOnce(task)
  if (done !== undefined) {
    const { inputs, counts, finding } = done
    const failure =
      finding === null ? {} : { failure: { ...finding, input: Buffer.from(finding.input, 'base64') } }
    return { target: task.target, inputs, counts, ...failure }
  }
  const inputs = batch.from + batch.count - task.from
  const culprit = task.file === undefined ? await findCulprit(task, batch) : undefined
  const failure = culprit ?? { index: batch.from, problem: ended, input: await inputAt(task, batch.from) }
  return { target: task.target, inputs, counts: {}, failure }
}

type Done = Extract<Report, { type: 'done' }>
type Batch = Pick<Extract<Report, { type: 'batch' }>, 'from' | 'count'>

function runOnce(task: Task): Promise<{ done: Done | undefined; batch: Batch; ended: string }> {
  return new Promise(resolve => {
    const child = fork(join(import.meta.dirname, 'worker.ts'), [JSON.stringify(task)], {
      execArgv: [`--max-old-space-size=${MEMORY}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let done: Done | undefined
    let batch: Batch = { from: task.from, count: 0 }
    let said = ''
    let ended = ''
    const hang = (): void => {
      ended = `hang: nothing for ${SILENCE} ms`
      child.kill('SIGKILL')
    }
    let timer = setTimeout(hang, SILENCE)
    child.stderr!.on('data', chunk => {
      said = `${said}${chunk}`.slice(-4000)
    })
    child.on('message', (report: Report) => {
      clearTimeout(timer)
      timer = setTimeout(hang, SILENCE)
      if (report.type === 'batch') batch = report
      else done = report
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (ended === '') ended = `the process ended with ${code ?? signal}\n${said.slice(-1500)}`
      resolve({ done, batch, ended })
    })
  })
}

/** Of a batch on which the process hung or died: the first input that does it by itself. */
async function findCulprit(task: Task, batch: Batch): Promise<Outcome['failure']> {
  for (let index = batch.from; index < batch.from + batch.count; index++) {
    const { done, ended } = await runOnce({ ...task, from: index, most: 1, milliseconds: SILENCE })
    if (done === undefined) return { index, problem: ended, input: await inputAt(task, index) }
  }
  return undefined
}

async function inputAt(task: Task, index: number): Promise<Buffer> {
  const target = await loadTarget(task.target)
  const corpus = corpusOf(task.target).map(each => each.input)
  return target.generate(randomOf(task.seed, task.target, index), corpus)
}

/** Keeps a failing input and what was wrong with it; returns the file. */
export function save(directory: string, outcome: Outcome): string {
  const { input, problem, index } = outcome.failure!
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const name = `${outcome.target}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`
  const file = join(directory, name)
  writeFileSync(file, input, { mode: 0o600 })
  writeFileSync(`${file}.txt`, `${outcome.target}, input ${index}\n${problem}\n`, { mode: 0o600 })
  return file
}
