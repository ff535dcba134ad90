/**
 * Cost of the search index alone: `node bench/index.ts [calls] [entries per batch] [batches per second]`. Batches of intents
 * and outcomes as the gateway makes them go through the worker's engine in this process; CPU time is of all threads.
 * `SALLYPORT_STORE=postgres://…` measures PostgreSQL (this process only, not the server).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Head } from '../src/audit/entry.ts'
import type { IndexEngine } from '../src/audit/index/engine.ts'
import type { PackedEntry } from '../src/audit/index/pack.ts'
import { openSqliteEngine } from '../src/audit/index/sqlite-engine.ts'
import { newCallId } from '../src/gateway/call-id.ts'
import { chooseStore } from '../src/store/choose-store.ts'

const ids: string[] = []
const calls = Number(process.argv[2] ?? 20_000)
const perBatch = Number(process.argv[3] ?? 16)
const perSecond = Number(process.argv[4] ?? 0)
const directory = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'index-bench-'))
const engine = await openEngine()
const entries = Array.from({ length: calls * 2 }, (_, at) => (at % 2 === 0 ? intent(at) : outcome(at)))
const cpuBefore = process.cpuUsage()
const begun = performance.now()
for (let at = 0, batch = 0; at < entries.length; at += perBatch, batch += 1) {
  await engine.apply(entries.slice(at, at + perBatch))
  const ahead = perSecond === 0 ? 0 : (batch * 1000) / perSecond - (performance.now() - begun)
  await (ahead > 1 ? sleep(ahead) : new Promise(setImmediate))
}
await engine.close()
const elapsed = performance.now() - begun
const cpu = process.cpuUsage(cpuBefore)
console.log(
  `${entries.length} entries, ${perBatch} a batch: ${Math.round((entries.length / elapsed) * 1000)} entries/s, ` +
    `CPU ${((cpu.user + cpu.system) / entries.length).toFixed(1)} µs/entry`,
)
rmSync(directory, { recursive: true })

async function openEngine(): Promise<IndexEngine> {
  const postgres = await chooseStore({}, process.env, process.cwd())
  if (postgres === undefined) return openSqliteEngine(join(directory, 'index.sqlite'), 'bench.example/log')
  const { openPostgresEngine } = await import('../src/audit/index/postgres/postgres-engine.ts')
  return openPostgresEngine(postgres, `bench.example/${process.pid}`)
}

function intent(at: number): PackedEntry {
  return packed(at, 'intent', {
    principal: {
      issuer: 'https://login.example.com/realms/corp',
      subject: '8f14e45f-ceea-467f-a8d1-0a3c2b1e9f77',
      username: `corp:user${at % 50}@example.com`,
      groups: ['corp:platform', 'corp:oncall', 'corp:everyone'],
      kind: 'person',
      method: 'oidc',
    },
    client: {
      address: '10.20.30.40',
      port: 50_000 + (at % 10_000),
      userAgent: 'kubectl/v1.36.3 (linux/amd64)',
    },
    connection: 'production',
    request: { method: 'GET', uri: `/api/v1/namespaces/shop/configmaps/item-${at % 500}` },
    action: {
      verb: 'get',
      resource: 'configmaps',
      apiVersion: 'v1',
      namespace: 'shop',
      name: `item-${at % 500}`,
    },
    decision: { effect: 'allow', rules: ['platform/read-shop'], reason: 'allowed by platform/read-shop' },
  })
}

function outcome(at: number): PackedEntry {
  const text = `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"item-${at % 500}","namespace":"shop","uid":"${call(at)}","resourceVersion":"${at}"},"data":{"a":"value ${at}","b":"the same in each of them","c":"${'padding '.repeat(20)}"}}`
  return packed(
    at,
    'outcome',
    {
      result: { code: 200, bytesIn: 0, bytesOut: text.length, milliseconds: at % 40, ended: 'complete' },
      upstream: {
        mode: 'principal',
        user: `sallyport:corp:user${at % 50}@example.com`,
        groups: ['sallyport:viewers'],
      },
      agent: 'embedded',
    },
    text,
  )
}

function call(at: number): string {
  const id = newCallId(1_790_000_000_000 + (at >> 1))
  ids[at >> 1] ??= id
  return ids[at >> 1]!
}

function packed(at: number, phase: string, head: Head, text?: string): PackedEntry {
  const leaf = {
    v: 1,
    seq: at,
    call: call(at),
    kind: 'k8s.request',
    phase,
    time: new Date(1_790_000_000_000 + at).toISOString(),
    session: `s-${at % 100}`,
    effect: 'allow',
    policy: `sha256:${'ab'.repeat(32)}`,
    head: 'x'.repeat(64),
    ...(text === undefined ? {} : { response: { class: 'shown', n: text.length, digest: 'y'.repeat(64) } }),
  }
  return {
    leaf: Buffer.from(JSON.stringify(leaf)),
    head: Buffer.from(JSON.stringify(head)),
    text: text === undefined ? null : Buffer.from(text),
    keys: null,
    masks: null,
    segment: 0,
    offset: at * 1000,
  }
}
