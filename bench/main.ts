// npm run bench [-- --seconds N --rounds N --only get-c16,list-5mb-c2 --targets node-floor,sallyport --json FILE]
// Every target and every scenario in one run, interleaved, start order rotated. The figure to trust is the CPU time of
// all threads of the proxy per request; wall clock on a shared machine is not. This is never a timed test.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startCluster } from '../testbed/start-cluster.ts'
import { run, runWatches, type Sample, scenarios } from './load.ts'
import { slowReaders } from './memory.ts'
import { prepareObjects } from './objects.ts'
import { cpuMicroseconds, residentBytes, threadMicroseconds } from './process-cpu.ts'
import { newRow, printMemory, printReport, printWall, type Row, record } from './report.ts'
import { startTargets } from './targets/start-targets.ts'
import type { Target } from './targets/target.ts'
import { kubectlWall, pluginWall, syncTime, withToken } from './wall.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    targets: { type: 'string' },
    json: { type: 'string' },
    /** CPU of Sallyport by thread, per request. */
    threads: { type: 'boolean', default: false },
  },
})
const milliseconds = Math.min(30, Number(values.seconds)) * 1000
const rounds = Math.min(20, Number(values.rounds))
const only = values.only?.split(',')
const wanted = (name: string): boolean => only === undefined || only.includes(name)

const cluster = await startCluster({ nodes: [], onProgress: line => process.stderr.write(`${line}\n`) })
const apiServer = cluster.processes.filter(p => p.name === 'kube-apiserver').map(p => p.pid)
const objects = await prepareObjects(cluster)
const { targets: all, missing, dir } = await startTargets(cluster, objects.recorded)
const chosen = values.targets?.split(',')
const targets = all.filter(target => chosen === undefined || chosen.includes(target.name))
const rows = new Map<string, Row>()
let idle = 0
try {
  const fdatasync = await syncTime(dir)
  const names = [...scenarios.map(s => s.name), 'watch-200'].filter(wanted)
  for (const target of targets) await warm(target)
  idle = await idlePerSecond()
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const upstream = scenarios.find(s => s.name === name)?.upstream ?? 'api'
      const among = targets.filter(target => target.upstream === upstream)
      for (let i = 0; i < among.length; i++) await measure(name, among[(i + round) % among.length]!)
    }
  }
  printReport([...rows.values()], { rounds, milliseconds, missing, fdatasync })
  await measureRest()
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify([...rows.values()], null, 1))
} finally {
  for (const target of all.toReversed()) await target.stop()
  await cluster.stop()
}

/** Microseconds a second that the API server spends on itself: of a slow target's requests it would count more. */
async function idlePerSecond(): Promise<number> {
  const before = cpuMicroseconds(apiServer)
  await new Promise(resolve => setTimeout(resolve, 4000))
  return (cpuMicroseconds(apiServer) - before) / 4
}

/** What is measured is a process that has been at work for a while: its code is compiled, its connections are open. */
async function warm(target: Target): Promise<void> {
  const scenario = scenarios.find(s => s.upstream === target.upstream && s.concurrency === 16)!
  for (let requests = 0; requests < 2_000; ) {
    const sample = await run(target, scenario, 500)
    if (sample.requests === 0) throw new Error(`${target.name} answers nothing`)
    requests += sample.requests
  }
}

async function measure(name: string, target: Target): Promise<void> {
  const scenario = scenarios.find(s => s.name === name)
  const agents = target.agentPids ?? []
  const before = [cpuMicroseconds(target.pids), cpuMicroseconds(agents), cpuMicroseconds(apiServer)]
  const threads = values.threads ? threadMicroseconds(target.pids) : new Map<string, number>()
  const sample: Sample =
    scenario === undefined
      ? await runWatches(target, 200, 20, objects.tick)
      : await run(target, scenario, scenario.path.includes('bench-list') ? milliseconds * 2 : milliseconds)
  const after = [cpuMicroseconds(target.pids), cpuMicroseconds(agents), cpuMicroseconds(apiServer)]
  const key = `${name} ${target.name}`
  const row = rows.get(key) ?? newRow(name, target.name)
  rows.set(key, row)
  const [cpu, agentCpu, apiServerAll] = after.map((value, at) => value - before[at]!) as [
    number,
    number,
    number,
  ]
  const apiServerCpu = Math.max(0, apiServerAll - idle * sample.seconds)
  record(row, sample, { cpu, agentCpu, apiServerCpu, rss: residentBytes(target.pids) })
  process.stderr.write(`${key}: ${sample.requests} requests, ${Math.round(cpu / sample.requests)} us\n`)
  if (!values.threads || !target.name.startsWith('sallyport')) return
  for (const [thread, value] of threadMicroseconds(target.pids)) {
    const spent = (value - (threads.get(thread) ?? 0)) / sample.requests
    if (spent >= 2) process.stderr.write(`    ${thread}: ${spent.toFixed(0)} us\n`)
  }
}

/** What is not a request per second. */
async function measureRest(): Promise<void> {
  const find = (name: string, upstream: Target['upstream']) =>
    targets.find(target => target.name === name && target.upstream === upstream)
  const [direct, ours, still] = [find('direct', 'api'), find('sallyport', 'api'), find('sallyport', 'static')]
  if (wanted('kubectl') && direct !== undefined && ours !== undefined) {
    printWall({
      direct: await kubectlWall(cluster.kubectl, direct.kubeconfig!, 20),
      'sallyport with a token': await kubectlWall(cluster.kubectl, await withToken(ours, dir), 20),
      'sallyport with the plugin': await kubectlWall(cluster.kubectl, ours.kubeconfig!, 20),
      'the plugin alone': await pluginWall(ours, 10),
    })
  }
  if (wanted('memory') && still !== undefined) printMemory(await slowReaders(still))
}
