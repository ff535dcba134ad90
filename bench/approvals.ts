/**
 * What waiting costs: `node --expose-gc bench/approvals.ts [pending]`. So many requests are held at once, each with its own approval;
 * measured are the memory of each (without its connection), the CPU of the gateway while nothing happens, and the time from a decision to the request that goes on.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Wish } from '../src/approvals/contract.ts'
import { openApprovals } from '../src/approvals/open-approvals.ts'
import type { Principal } from '../src/identity/principal.ts'
import { openChangeFeed } from '../src/store/change-feed.ts'
import { openSqliteStore } from '../src/store/open-sqlite-store.ts'

const count = Number(process.argv[2] ?? 10_000)
const RELEASED = 200
const MINUTE = 60_000

function person(name: string, groups: readonly string[]): Principal {
  return {
    ...{
      issuer: 'https://issuer.example.com',
      subject: name,
      username: `corp:${name}`,
      kind: 'person',
      groups,
    },
    authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
  }
}

function wish(n: number): Wish {
  return {
    ...{
      call: `call-${n}`,
      principal: person(`user-${n}`, ['corp:dev']),
      session: `s-${n}`,
      connection: 'prod',
    },
    ...{ rules: ['guard/deletions'], intent: `intent-${n}`, target: `target-${n}`, policyDigest: 'sha256:0' },
    requirement: {
      quorums: [{ groups: ['corp:oncall'], count: 1, rule: 0 }],
      ...{ deadline: 60 * MINUTE, grantFor: null, reason: false },
    },
    sentence: `corp:user-${n} · delete deployment web-${n} · shop/prod`,
    action: {
      verb: 'delete',
      apiGroup: 'apps',
      resource: 'deployments',
      namespace: 'shop',
      name: `web-${n}`,
    },
    isWithin: () => false,
  }
}

const memory = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
const store = await openSqliteStore(join(folder, 'state.sqlite'))
const feed = await openChangeFeed(store, { now: Date.now, every: 100 })
let made = 0
const approvals = await openApprovals({
  ...{
    store,
    feed,
    now: Date.now,
    linked: () => false,
    newId: () => `id-${++made}`,
    policyDigest: () => 'sha256:0',
  },
  log: { append: async () => ({ index: 0, time: Date.now() }) },
  onError: error => {
    throw error
  },
})
const over = new AbortController()
const { signal } = over
try {
  const before = memory()
  const asked = performance.now()
  const ids: string[] = []
  const waiting: Promise<number>[] = []
  for (let n = 0; n < count; n++) {
    const { id } = await approvals.ask(wish(n), null)
    ids.push(id)
    waiting.push(approvals.wait(id, 60 * MINUTE, signal).then(() => performance.now()))
  }
  const each = (performance.now() - asked) / count
  const held = memory() - before

  const idle = process.cpuUsage()
  await sleep(5_000)
  const { user, system } = process.cpuUsage(idle)

  const oncall = person('bob', ['corp:oncall'])
  const times: number[] = []
  for (let i = 0; i < RELEASED; i++) {
    const n = Math.floor((i * count) / RELEASED)
    const decided = performance.now()
    await approvals.decide(oncall, ids[n]!, { verdict: 'approve', reason: null, via: 'cli' })
    times.push((await waiting[n]!) - decided)
  }
  times.sort((a, b) => a - b)
  const at = (share: number): string =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(1)
  const lines = [
    `${count} requests held: ${(held / count / 1024).toFixed(1)} KiB each, ${each.toFixed(2)} ms to hold one more`,
    `while nothing happens: ${((user + system) / 50_000).toFixed(2)} % of one core`,
    `from a decision to the request that goes on: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
} finally {
  over.abort()
  await approvals.close()
  feed.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
}
