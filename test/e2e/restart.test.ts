import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { call, expectStatus, openSession, openStream, type Stream, signInAsAdmin } from './call.ts'
import { clusterEvents } from './cluster-audit.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { sallyport, startUp, type Up } from './rig.ts'

let cluster: Cluster
let up: Up
let admin: string
let session: string
const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-restart-'))

before(
  async () => {
    cluster = await startCluster({ nodes: [], controllerManager: false })
    up = await startUp({ kubeconfig: cluster.agentKubeconfig, dataDir })
    admin = await signInAsAdmin(up)
    session = (await openSession(up, admin, up.connection)).token
  },
  { timeout: 600_000 },
)
after(async () => {
  await up?.stop()
  await cluster?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const configMaps = (): string => `/k/${up.connection}/api/v1/namespaces/default/configmaps`

interface Load {
  /** Names whose creation was answered with 201. */
  readonly done: string[]
  /** Names sent, whatever came back. */
  readonly sent: string[]
  /** Other statuses that were answered. */
  readonly others: number[]
  /** Resolves when the gateway was no longer there for any client. */
  readonly over: Promise<void>
}

/** Clients that create ConfigMaps one after the other until they get no answer. */
function startLoad(prefix: string, clients: number): Load {
  const load = { done: [] as string[], sent: [] as string[], others: [] as number[] }
  const run = async (client: number): Promise<void> => {
    for (let i = 0; ; i++) {
      const name = `${prefix}-${client}-${i}`
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { i: `${i}` } }
      load.sent.push(name)
      try {
        const made = await call(up, configMaps(), { method: 'POST', token: session, body })
        if (made.status === 201) load.done.push(name)
        else load.others.push(made.status)
      } catch {
        return
      }
    }
  }
  const over = Promise.all(Array.from({ length: clients }, (_, i) => run(i))).then(() => {})
  return { ...load, over }
}

const openWatches = (count: number): Promise<Stream[]> =>
  Promise.all(
    Array.from({ length: count }, () => openStream(up, `${configMaps()}?watch=1`, { token: session })),
  )

/** Request ids of recorded creations of ConfigMaps, with what came of each. */
async function recordedCreations(): Promise<Map<string, { complete: boolean; code: number | undefined }>> {
  const found = new Map<string, { complete: boolean; code: number | undefined }>()
  let next: string | null = null
  do {
    const query = `verb=create&resource=configmaps&limit=500${next === null ? '' : `&continue=${next}`}`
    const page = await expectStatus(200, up, `/v1/audit/entries?${query}`, { token: admin })
    for (const item of page.json.items) {
      found.set(item.call, { complete: item.complete, code: item.head.result?.code })
    }
    next = page.json.metadata.continue
  } while (next !== null)
  return found
}

async function assertVerifies(...flags: string[]): Promise<void> {
  const log = join(dataDir, 'log')
  const verified = await sallyport(['verify', log, '--vkey', join(log, 'log.vkey'), ...flags])
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
}

test('killed under load: nothing reached the cluster that is not in the log', {
  timeout: 120_000,
}, async t => {
  const watches = await openWatches(3)
  const load = startLoad('killed', 4)
  await Promise.all(watches.map(watch => watch.line(/"killed-\d-20"/)))
  const gone = once(up.child, 'exit')
  up.child.kill('SIGKILL')
  await gone
  await load.over
  for (const watch of watches) assert.equal((await watch.ended).clean, false, 'cut, not complete')
  assert.ok(load.done.length > 40)

  const began = Date.now()
  up = await startUp({ kubeconfig: cluster.agentKubeconfig, dataDir, listen: new URL(up.url).host })
  t.diagnostic(`serves again ${Date.now() - began} ms after the start`)
  // Sessions and sign-ins are in the store: callers go on with what they have.
  const listed = await expectStatus(200, up, configMaps(), { token: session })
  const present = new Set<string>(listed.json.items.map((each: ConfigMap) => each.metadata.name))
  for (const name of load.done) assert.ok(present.has(name), `${name} was answered with 201`)

  const recovered = await expectStatus(200, up, '/v1/audit/entries?kind=log.recovered', { token: admin })
  assert.equal(recovered.json.items.length, 1)
  const ours = clusterEvents(cluster).filter(
    each =>
      each.impersonatedUser !== undefined && each.verb === 'create' && each.objectRef?.name !== undefined,
  )
  const made = ours.filter(each => each.objectRef?.resource === 'configmaps')
  const recorded = await recordedCreations()
  assert.ok(made.length >= load.done.length)
  for (const each of made) assert.ok(recorded.has(each.auditID), `${each.objectRef?.name} has no intent`)
  const succeeded = [...recorded.values()].filter(each => each.code === 201)
  assert.ok(succeeded.length >= load.done.length, 'an answer left before its outcome was durable')
  t.diagnostic(
    `${load.sent.length} sent, ${load.done.length} answered, ${made.length} in the cluster's log, ${recorded.size} in ours, ${[...recorded.values()].filter(each => !each.complete).length} without outcome`,
  )
  await assertVerifies('--live')
})

interface ConfigMap {
  readonly metadata: { readonly name: string }
}

/** A client that speaks HTTP/2: `kubectl get -w`. */
function followWithKubectl(): { readonly first: Promise<unknown>; readonly code: Promise<unknown> } {
  const args = ['--kubeconfig', up.kubeconfig, 'get', 'configmaps', '-w', '-o', 'name']
  const env = { ...process.env, HOME: cluster.dir, SALLYPORT_TOKEN: admin }
  const child = spawn(cluster.kubectl, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  return { first: once(child.stdout, 'data'), code: once(child, 'exit').then(([code]) => code) }
}

test('SIGTERM: what is under way ends well, watches too, exit code 0', { timeout: 120_000 }, async t => {
  const watches = await openWatches(3)
  const load = startLoad('drained', 4)
  const following = followWithKubectl()
  await Promise.all([...watches.map(watch => watch.line(/"drained-\d-20"/)), following.first])
  const began = Date.now()
  const code = await up.stop()
  t.diagnostic(`stopped after ${Date.now() - began} ms`)
  assert.equal(code, 0)
  await load.over
  assert.deepEqual(
    load.others.filter(status => status !== 503),
    [],
  )
  for (const watch of watches) {
    assert.equal((await watch.ended).clean, true, 'the watch was cut off')
    for (const line of watch.lines) JSON.parse(line)
  }
  assert.equal(await following.code, 0, 'kubectl takes it for the normal end of a watch')
  assert.ok(Date.now() - began < 4_000, 'nothing here needs the whole grace period')
  await assertVerifies()

  up = await startUp({ kubeconfig: cluster.agentKubeconfig, dataDir, listen: new URL(up.url).host })
  // A creation that the cluster has seen was answered: nobody is left in doubt by an orderly stop.
  const made = clusterEvents(cluster).filter(each => each.objectRef?.name?.startsWith('drained-'))
  assert.equal(made.length, load.done.length)
})

// The last test of this file: it stops the gateway.
test(
  'every call is in both logs',
  { timeout: 60_000 },
  async t => void (await assertCrosschecked(t, cluster, up)),
)
