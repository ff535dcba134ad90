/**
 * Cost of the audit log alone: `node bench/audit-append.ts [seconds per run] [--index]`. Heads of about 1 KB, no bodies,
 * closed loop per writer; CPU time is of all threads of this process, generating the entries included.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewEntry } from '../src/audit/entry.ts'
import { openAuditIndex } from '../src/audit/index/open-index.ts'
import { openAuditLog } from '../src/audit/open.ts'
import { newCallId } from '../src/gateway/call-id.ts'

const seconds = Number(process.argv[2] ?? 2)
const parent = process.env.BENCH_DIR ?? tmpdir()

for (const writers of [1, 16, 128, 1024]) await run(writers)

async function run(writers: number): Promise<void> {
  const directory = mkdtempSync(join(parent, 'audit-bench-'))
  const log = await openAuditLog({ dataDir: directory, origin: 'bench.example/log' })
  const index = process.argv.includes('--index') ? openAuditIndex(log) : null
  const latencies: number[] = []
  let appends = 0
  const begun = performance.now()
  const cpuBefore = process.cpuUsage()
  const until = begun + seconds * 1000
  const writer = async (number: number) => {
    while (performance.now() < until) {
      const call = newCallId(Date.now())
      const start = performance.now()
      await log.append(intent(call, number))
      latencies.push(performance.now() - start)
      await log.append(outcome(call, number))
      appends += 2
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, number) => writer(number)))
  const elapsed = performance.now() - begun
  await log.publish()
  await index?.caughtUp(log.size)
  const cpu = process.cpuUsage(cpuBefore)
  const lag = performance.now() - begun - elapsed
  await index?.close()
  await log.close()
  rmSync(directory, { recursive: true })
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)]!.toFixed(2)
  console.log(
    `${String(writers).padStart(5)} writers  ${Math.round((appends / elapsed) * 1000)} durable appends/s  ` +
      `p50 ${at(0.5)} ms  p99 ${at(0.99)} ms  ` +
      `CPU ${((cpu.user + cpu.system) / appends).toFixed(1)} µs/append  ` +
      `RSS ${Math.round(process.memoryUsage.rss() / 1048576)} MB` +
      (index === null ? '' : `  index caught up after ${Math.round(lag)} ms`),
  )
}

function intent(call: string, writer: number): NewEntry {
  return {
    call,
    kind: 'k8s.request',
    phase: 'intent',
    session: `s-${writer}`,
    effect: 'allow',
    policyDigest: `sha256:${'ab'.repeat(32)}`,
    head: {
      principal: {
        issuer: 'https://login.example.com/realms/corp',
        subject: '8f14e45f-ceea-467f-a8d1-0a3c2b1e9f77',
        username: 'corp:alice@example.com',
        groups: ['corp:platform', 'corp:oncall', 'corp:everyone'],
        kind: 'person',
        method: 'oidc',
      },
      client: {
        address: '10.20.30.40',
        port: 50123,
        userAgent: 'kubectl/v1.36.3 (linux/amd64) kubernetes/0123456',
      },
      connection: 'production',
      request: { method: 'GET', uri: '/api/v1/namespaces/shop/pods?limit=500&labelSelector=app%3Dcheckout' },
      action: {
        verb: 'list',
        resource: 'pods',
        apiVersion: 'v1',
        namespace: 'shop',
        labelSelector: 'app=checkout',
      },
      decision: { effect: 'allow', rules: ['platform/read-shop'], reason: 'allowed by platform/read-shop' },
      facts: { padding: 'x'.repeat(300) },
    },
  }
}

function outcome(call: string, writer: number): NewEntry {
  return {
    call,
    kind: 'k8s.request',
    phase: 'outcome',
    session: `s-${writer}`,
    effect: 'allow',
    policyDigest: `sha256:${'ab'.repeat(32)}`,
    head: {
      result: { code: 200, bytesIn: 0, bytesOut: 51234, milliseconds: 12, ended: 'complete' },
      upstream: {
        mode: 'principal',
        user: 'sallyport:corp:alice@example.com',
        groups: ['sallyport:viewers'],
      },
      agent: 'embedded',
      facts: { padding: 'y'.repeat(700) },
    },
  }
}
