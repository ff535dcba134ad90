// npm run bench [-- --seconds N --rounds N --only get-c16,list-5mb-c2 --json FILE]
// Every target and every scenario in one run, interleaved, start order rotated. The figure to trust is the CPU time of
// all threads of the proxy per request; wall clock on a shared machine is not. This is never a timed test.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { startCluster } from '../testbed/start-cluster.ts'
import { quantile, run, runWatches, type Sample, scenarios } from './load.ts'
import { prepareObjects } from './objects.ts'
import { cpuMicroseconds, residentBytes } from './process-cpu.ts'
import { startTargets, type Target } from './targets.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
})
const milliseconds = Math.min(30, Number(values.seconds)) * 1000
const rounds = Math.min(20, Number(values.rounds))
const only = values.only?.split(',')

interface Row {
  readonly scenario: string
  readonly target: string
  readonly cpu: number[]
  readonly apiServerCpu: number[]
  readonly perSecond: number[]
  readonly p50: number[]
  readonly p99: number[]
  rss: number
  errors: number
}

const cluster = await startCluster({ nodes: [], onProgress: line => process.stderr.write(`${line}\n`) })
const apiServer = cluster.processes.filter(p => p.name === 'kube-apiserver').map(p => p.pid)
const objects = await prepareObjects(cluster)
const { targets, missing } = await startTargets(cluster)
const rows = new Map<string, Row>()
try {
  const names = [...scenarios.map(s => s.name), 'watch-200'].filter(
    n => only === undefined || only.includes(n),
  )
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      for (let i = 0; i < targets.length; i++) {
        const target = targets[(i + round) % targets.length]!
        await measure(name, target)
      }
    }
  }
} finally {
  for (const target of targets) await target.stop()
  await cluster.stop()
}
report()

async function measure(name: string, target: Target): Promise<void> {
  const scenario = scenarios.find(s => s.name === name)
  const before = cpuMicroseconds(target.pids)
  const apiBefore = cpuMicroseconds(apiServer)
  const sample: Sample =
    scenario === undefined
      ? await runWatches(target, 200, 20, objects.tick)
      : await run(target, scenario, scenario.path.includes('bench-list') ? milliseconds * 2 : milliseconds)
  const cpu = cpuMicroseconds(target.pids) - before
  const api = cpuMicroseconds(apiServer) - apiBefore
  const key = `${name} ${target.name}`
  const row: Row = rows.get(key) ?? {
    scenario: name,
    target: target.name,
    cpu: [],
    apiServerCpu: [],
    perSecond: [],
    p50: [],
    p99: [],
    rss: 0,
    errors: 0,
  }
  rows.set(key, row)
  const requests = Math.max(1, sample.requests)
  row.cpu.push(cpu / requests)
  row.apiServerCpu.push(api / requests)
  row.perSecond.push(sample.requests / sample.seconds)
  row.p50.push(quantile(sample.latencies, 0.5))
  row.p99.push(quantile(sample.latencies, 0.99))
  row.rss = Math.max(row.rss, residentBytes(target.pids))
  row.errors += sample.errors
  process.stderr.write(`${key}: ${sample.requests} requests, ${Math.round(cpu / requests)} us\n`)
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )
}

function report(): void {
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  print(
    `# ${rounds} rounds of ${milliseconds / 1000} s, ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}`,
  )
  for (const line of missing) print(`# without ${line}`)
  print(
    '| scenario | target | CPU us/request | x node-floor | API server us | x direct | req/s | p50 ms | p99 ms | RSS MB | errors |',
  )
  print('|---|---|---|---|---|---|---|---|---|---|---|')
  for (const row of rows.values()) {
    const floor = rows.get(`${row.scenario} node-floor`)
    const direct = rows.get(`${row.scenario} direct`)
    const ratio = (a: number[] | undefined, b: number[] | undefined): string =>
      a === undefined || b === undefined || median(b) === 0 ? '-' : (median(a) / median(b)).toFixed(2)
    print(
      `| ${row.scenario} | ${row.target} | ${median(row.cpu).toFixed(0)} | ${ratio(row.cpu, floor?.cpu)} | ` +
        `${median(row.apiServerCpu).toFixed(0)} | ${ratio(row.apiServerCpu, direct?.apiServerCpu)} | ` +
        `${median(row.perSecond).toFixed(0)} | ${median(row.p50).toFixed(2)} | ${median(row.p99).toFixed(2)} | ` +
        `${(row.rss / 1048576).toFixed(0)} | ${row.errors} |`,
    )
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify([...rows.values()], null, 1))
}
