import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, type ClusterOptions, startCluster } from '../../testbed/start-cluster.ts'
import { type ClusterEvent, clusterEvents } from '../e2e/cluster-audit.ts'
import { assertCrosschecked } from '../e2e/crosscheck.ts'
import { type Ran, runProgram, sallyport, startUp, type Up } from '../e2e/rig.ts'
import { startBehindAgent } from './remote-agent.ts'

/** One way to the same API server. */
export interface Side {
  readonly name: 'direct' | 'gateway'
  readonly kubeconfig: string
  /** Made by `openSides`; the table of normalised fields knows both names. */
  readonly namespace: string
}

export interface Sides {
  readonly cluster: Cluster
  readonly up: Up
  readonly direct: Side
  readonly gateway: Side
  kubectl(
    side: Side,
    args: readonly string[],
    stdin?: string,
    env?: Readonly<Record<string, string>>,
  ): Promise<Ran>
  /**
   * Call once, when everything has been done: asks the gateway for its trail, compares it with the cluster's own
   * audit log both ways, stops the gateway and verifies its log. Resolves with the counts.
   */
  finish(t: TestContext): Promise<Finished>
  /** Ends what still runs; can follow `finish` or a failure. */
  close(): Promise<void>
}

export interface Finished {
  /** Requests that the agent sent for somebody, by distinct Audit-ID in the cluster's audit log: `verb URI` each. */
  readonly upstream: readonly string[]
  /** Calls in our trail that are Kubernetes requests. */
  readonly recorded: number
  /** Those without an entry of ours. */
  readonly missing: readonly string[]
  /** What `sallyport verify` printed. */
  readonly report: string
}

/** A cluster, the product in front of it, and an empty namespace for each way. */
export async function openSides(
  options: ClusterOptions = {},
  agent: 'embedded' | 'remote' = 'embedded',
): Promise<Sides> {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-sides-'))
  const cluster = await startCluster(options)
  let up: Up | undefined
  let stopAgent = async (): Promise<void> => {}
  let stopped: Promise<number | null> | undefined
  const stop = (): Promise<number | null> => {
    stopped ??= up?.stop() ?? Promise.resolve(0)
    return stopped
  }
  const close = async (): Promise<void> => {
    await stopAgent()
    await stop()
    await cluster.stop()
    rmSync(home, { recursive: true, force: true })
  }
  try {
    if (agent === 'remote') ({ up, stopAgent } = await startBehindAgent(cluster, home))
    else up = await startUp({ kubeconfig: cluster.agentKubeconfig, dataDir: join(home, 'data') })
    const running = up
    const direct: Side = { name: 'direct', kubeconfig: cluster.kubeconfig, namespace: 'tour-direct' }
    const gateway: Side = { name: 'gateway', kubeconfig: running.kubeconfig, namespace: 'tour-gateway' }
    const kubectl: Sides['kubectl'] = (side, args, stdin, env) =>
      runProgram(cluster.kubectl, ['--kubeconfig', side.kubeconfig, '--namespace', side.namespace, ...args], {
        env: { HOME: home, KUBECONFIG: '', ...env },
        ...(stdin === undefined ? {} : { stdin }),
      })
    for (const side of [direct, gateway]) {
      const made = await kubectl(side, ['create', 'namespace', side.namespace])
      assert.equal(made.code, 0, `${side.name}: ${made.stderr}`)
    }
    return {
      cluster,
      up: running,
      direct,
      gateway,
      kubectl,
      finish: t => finish(t, cluster, running),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function finish(t: TestContext, cluster: Cluster, up: Up): Promise<Finished> {
  // Under an impersonated user: only the agent sends such.
  const forSomebody = clusterEvents(cluster).filter(event => event.impersonatedUser !== undefined)
  const sent = new Map(forSomebody.map(event => [event.auditID, event]))
  const ours = new Set((await readFinishedTrail(up)).map(item => item.call))
  // What the gateway reads for a write-back; several such calls may share an entry.
  const own = JSON.stringify(await searchTrail(up, 'agent.call'))
  const missing = [...sent.values()].filter(event => !ours.has(event.auditID) && !own.includes(event.auditID))
  const shown = (event: ClusterEvent): string => `${event.verb} ${event.requestURI}`
  await assertCrosschecked(t, cluster, up)
  const log = join(up.dataDir, 'log')
  const verified = await sallyport(['verify', log, '--vkey', join(log, 'log.vkey')])
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  return {
    upstream: [...sent.values()].map(shown),
    recorded: ours.size,
    missing: missing.map(shown),
    report: verified.stdout,
  }
}

interface TrailItem {
  readonly call: string
  /** Whether its outcome is in the log. */
  readonly complete: boolean
  readonly sentence: string
}

/** All Kubernetes requests in the trail, read through the API with the sign-in of the kubeconfig. */
function readTrail(up: Up): Promise<readonly TrailItem[]> {
  return searchTrail(up, 'k8s.request')
}

async function searchTrail(up: Up, kind: string): Promise<readonly TrailItem[]> {
  const args = ['audit', 'search', '--kind', kind, '--limit', '0', '-o', 'json']
  const found = await sallyport([...args, '--gateway', up.url, '--ca-file', up.caFile], {
    env: { SALLYPORT_STATE_DIR: join(up.dataDir, 'client') },
  })
  assert.equal(found.code, 0, found.stderr)
  return (JSON.parse(found.stdout) as { items: TrailItem[] }).items
}

/** A moment after its clients have gone the gateway has ended and recorded all that it did for them. */
async function readFinishedTrail(up: Up): Promise<readonly TrailItem[]> {
  for (let left = 20; ; left--) {
    const items = await readTrail(up)
    const running = items.filter(item => !item.complete)
    if (running.length === 0) return items
    const sentences = running.map(item => item.sentence).join('\n')
    assert.ok(left > 0, `nobody waits for these any more, and they still run:\n${sentences}`)
    await sleep(200)
  }
}
