import { cpus } from 'node:os'
import { quantile, type Sample } from './load.ts'
import type { MemoryReport } from './memory.ts'

export interface Row {
  readonly scenario: string
  readonly target: string
  readonly cpu: number[]
  readonly agentCpu: number[]
  readonly apiServerCpu: number[]
  readonly perSecond: number[]
  readonly p50: number[]
  readonly p99: number[]
  rss: number
  errors: number
}

export function newRow(scenario: string, target: string): Row {
  return {
    scenario,
    target,
    cpu: [],
    agentCpu: [],
    apiServerCpu: [],
    perSecond: [],
    p50: [],
    p99: [],
    rss: 0,
    errors: 0,
  }
}

/** @param spent Microseconds of CPU in all, and bytes resident. */
export function record(
  row: Row,
  sample: Sample,
  spent: { cpu: number; agentCpu: number; apiServerCpu: number; rss: number },
): void {
  const requests = Math.max(1, sample.requests)
  row.cpu.push(spent.cpu / requests)
  row.agentCpu.push(spent.agentCpu / requests)
  row.apiServerCpu.push(spent.apiServerCpu / requests)
  row.perSecond.push(sample.requests / sample.seconds)
  row.p50.push(quantile(sample.latencies, 0.5))
  row.p99.push(quantile(sample.latencies, 0.99))
  row.rss = Math.max(row.rss, spent.rss)
  row.errors += sample.errors
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )

export function printReport(
  rows: readonly Row[],
  run: { rounds: number; milliseconds: number; missing: readonly string[]; fdatasync: number },
): void {
  print(
    `# ${run.rounds} rounds of ${run.milliseconds / 1000} s, ${cpus().length} cores (${cpus()[0]?.model}), ` +
      `Node ${process.version}, fdatasync p50 ${run.fdatasync.toFixed(2)} ms`,
  )
  for (const line of run.missing) print(`# without ${line}`)
  const names = ['scenario', 'target', 'CPU us', 'x node-floor', 'x go-floor', 'agent us', 'x node-floor']
  names.push('API server us', 'x direct as the same user', 'req/s', 'p50 ms', 'p99 ms', 'RSS MB', 'errors')
  print(`| ${names.join(' | ')} |`)
  print(`|${names.map(() => '---|').join('')}`)
  for (const row of rows) {
    const other = (target: string) => rows.find(one => one.scenario === row.scenario && one.target === target)
    const floor = other('node-floor')
    const cells = [
      row.scenario,
      row.target,
      median(row.cpu).toFixed(0),
      ratio(row.cpu, floor?.cpu),
      ratio(row.cpu, other('go-floor')?.cpu),
      median(row.agentCpu) === 0 ? '-' : median(row.agentCpu).toFixed(0),
      median(row.agentCpu) === 0 ? '-' : ratio(row.agentCpu, floor?.cpu),
      median(row.apiServerCpu).toFixed(0),
      ratio(row.apiServerCpu, other('direct-as-user')?.apiServerCpu),
      median(row.perSecond).toFixed(0),
      median(row.p50).toFixed(2),
      median(row.p99).toFixed(2),
      (row.rss / 1048576).toFixed(0),
      String(row.errors),
    ]
    print(`| ${cells.join(' | ')} |`)
  }
}

/** Of medians of the same rounds: a crowded moment raises both. */
function ratio(a: readonly number[], b: readonly number[] | undefined): string {
  if (b === undefined || b.length !== a.length || median(b) === 0) return '-'
  return median(a.map((value, at) => value / b[at]!)).toFixed(2)
}

/** Milliseconds of whole `kubectl get`s and of the plugin; the first is direct. */
export function printWall(what: Readonly<Record<string, readonly number[]>>): void {
  const [direct] = Object.values(what).map(median)
  const parts = Object.entries(what).map(([name, taken]) => {
    const took = median(taken)
    const more = name.includes('sallyport') ? ` (+${(took - direct!).toFixed(0)})` : ''
    return `${name} ${took.toFixed(0)} ms${more}`
  })
  print(`# kubectl get, median wall: ${parts.join(', ')}`)
}

export function printMemory(what: MemoryReport): void {
  const megabytes = (bytes: number): string => (bytes / 1048576).toFixed(0)
  print(
    `# memory, RSS: ${megabytes(what.before)} MB, with 16 slow readers of 50 MB ${megabytes(what.slowReaders)} MB, ` +
      `after 10,000 more requests ${megabytes(what.after)} MB, ${what.errors} errors`,
  )
}
