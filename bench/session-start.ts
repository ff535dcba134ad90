import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  applyFor,
  connectionDocument,
  credentialOf,
  directly,
  furnish,
  writeConfiguration,
} from '../test/e2e/bindings-rig.ts'
import { expectStatus, openSession, signInAsAdmin } from '../test/e2e/call.ts'
import { startUp } from '../test/e2e/rig.ts'
import { startCluster } from '../testbed/start-cluster.ts'

/**
 * What it costs to open a session whose rights are made for it, milliseconds: opening, bindings and review, first
 * request; beside it the same request to the API server itself, and opening a session on a connection that gives
 * nothing. All ways take turns, and `over direct` is the middle of the differences within a round. `node bench/session-start.ts
 * [rounds]`, on a machine that does nothing else.
 */
const ROUNDS = Number(process.argv[2] ?? 30)
const DIRECT = 'request, directly'
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-session-start-'))
const cluster = await startCluster({ nodes: [], controllerManager: false })
await furnish(cluster)
const bindings = [
  { group: 'local:admins', clusterRole: 'editor', namespaces: ['a'] },
  { group: 'local:admins', clusterRole: 'looker', clusterWide: true },
]
const ways: [what: string, run: () => Promise<unknown>][] = []
const documents: object[] = []
for (const upstreamIdentity of ['session', 'serviceaccount']) {
  const base = { upstreamIdentity, serviceAccounts: { enabled: false } }
  const namespace = `sallyport-${upstreamIdentity}`
  const far = { ...base, agents: ['far'], bindings }
  await applyFor(cluster, scratch, connectionDocument(upstreamIdentity, far), namespace)
  const [one, two] = await Promise.all(
    ['sallyport-session', 'sallyport-binder'].map(each => credentialOf(cluster, scratch, namespace, each)),
  )
  const kubernetes = { kubeconfig: one!.path, binder: { kubeconfig: two!.path } }
  documents.push(
    connectionDocument(upstreamIdentity, { ...base, agents: ['embedded'], kubernetes, bindings }),
    connectionDocument(`plain-${upstreamIdentity}`, {
      ...base,
      agents: ['embedded'],
      kubernetes: { kubeconfig: one!.path },
    }),
  )
}
writeConfiguration(join(scratch, 'config'), ...documents)
const up = await startUp({ configDir: join(scratch, 'config'), env: { KUBECONFIG: '' } })
try {
  const token = await signInAsAdmin(up)
  const path = '/api/v1/namespaces/a/configmaps'
  const { token: direct } = await credentialOf(cluster, scratch, 'sallyport-session', 'sallyport-session')
  const account = '--serviceaccount=sallyport-session:sallyport-session'
  await directly(cluster, 'create', 'rolebinding', 'bench', '--clusterrole=editor', account, '-n', 'a')
  ways.push([DIRECT, () => expectStatus(200, cluster, path, { token: direct })])
  for (const connection of ['session', 'serviceaccount']) {
    ways.push([`open, ${connection}, gives nothing`, () => openSession(up, token, `plain-${connection}`)])
    ways.push([`open, ${connection}, two bindings`, () => openSession(up, token, connection)])
    ways.push([
      `open and use, ${connection}`,
      async () => {
        const opened = await openSession(up, token, connection)
        await expectStatus(200, up, `/k/${connection}${path}`, { token: opened.token })
      },
    ])
  }
  const times = new Map<string, number[]>(ways.map(([what]) => [what, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [what, run] of ways) {
      const began = performance.now()
      await run()
      times.get(what)!.push(performance.now() - began)
    }
  }
  const at = (sorted: readonly number[], share: number): string =>
    sorted[Math.min(ROUNDS - 1, Math.floor(share * ROUNDS))]!.toFixed(0).padStart(5)
  const rising = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b)
  const base = times.get(DIRECT)!
  for (const [what, list] of times) {
    const sorted = rising(list)
    const over = at(rising(list.map((one, round) => one - base[round]!)), 0.5)
    process.stdout.write(
      `${what.padEnd(36)} min ${at(sorted, 0)}  p50 ${at(sorted, 0.5)}  p99 ${at(sorted, 0.99)}  over direct ${over} ms\n`,
    )
  }
} finally {
  await up.stop()
  await cluster.stop()
  rmSync(scratch, { recursive: true, force: true })
}
