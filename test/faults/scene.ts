import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { disk } from '../../src/audit/files/disk.ts'
import type { Leaf } from '../../src/audit/heads/leaf.ts'
import { readLeaves } from '../../src/audit/log/read.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { headersOf, startUpstream, type Upstream } from '../attacks/upstream.ts'
import { type Answered, call, openSession, openStream, type Stream, signInAsAdmin } from '../e2e/call.ts'
import { startUp, type Up } from '../e2e/rig.ts'
import { createInjector, type Injector } from './injector.ts'

/** A gateway as a process of its own whose files can be made to fail, before an upstream that keeps what it is sent. */
export interface Scene {
  readonly upstream: Upstream
  readonly directory: string
  readonly dataDir: string
  up: Up
  injector: Injector
  admin: string
  session: string
  /** Every call that a client made and what came back; status 0: cut off or refused on the wire. */
  readonly calls: Made[]
  create(name: string, size?: number): Promise<Made>
  get(name: string): Promise<Made>
  watch(): Promise<Stream>
  /** SIGKILL, as a power switch for this process alone. */
  kill(): Promise<void>
  restart(args?: readonly string[]): Promise<void>
  close(): Promise<void>
}

export interface Made {
  readonly method: string
  readonly status: number
  readonly auditId: string | undefined
  readonly milliseconds: number
  readonly answer: Answered | undefined
}

const CONFIGMAPS = '/api/v1/namespaces/d/configmaps'

/** @param injected False: nothing stands between the gateway and its files, and `injector` takes no commands. */
export async function openScene(args: readonly string[] = [], injected = true): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-faults-'))
  const upstream = await startUpstream()
  const kubeconfig = join(directory, 'kubeconfig')
  const { origin, certificateAuthority } = upstream.target
  writeKubeconfig(kubeconfig, {
    server: origin,
    ca: certificateAuthority!.toString(),
    user: { token: 'upstream-token' },
  })
  const dataDir = join(directory, 'data')

  async function start(more: readonly string[]): Promise<void> {
    if (injected) scene.injector = await createInjector()
    scene.up = await startUp({
      kubeconfig,
      dataDir,
      args: ['--no-bind', ...more],
      ...(injected ? { under: scene.injector.under } : {}),
    })
    if (injected) await scene.injector.plant([], `^${dataDir}/`)
    scene.admin = await signInAsAdmin(scene.up)
    scene.session = (await openSession(scene.up, scene.admin, scene.up.connection)).token
  }

  async function made(method: string, target: string, body?: object): Promise<Made> {
    const began = performance.now()
    let answer: Answered | undefined
    try {
      answer = await call(scene.up, `/k/${scene.up.connection}${target}`, {
        method,
        token: scene.session,
        ...(body === undefined ? {} : { body }),
        timeout: 60_000,
      })
    } catch {}
    const one: Made = {
      method,
      status: answer?.status ?? 0,
      auditId: answer?.headers['audit-id'] as string | undefined,
      milliseconds: performance.now() - began,
      answer,
    }
    scene.calls.push(one)
    return one
  }

  const scene: Scene = {
    upstream,
    directory,
    dataDir,
    up: undefined as unknown as Up,
    injector: undefined as unknown as Injector,
    admin: '',
    session: '',
    calls: [],
    create: (name, size = 10) =>
      made('POST', CONFIGMAPS, {
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { name },
        data: { filling: 'x'.repeat(size) },
      }),
    get: name => made('GET', `${CONFIGMAPS}/${name}`),
    watch: () =>
      openStream(scene.up, `/k/${scene.up.connection}${CONFIGMAPS}?watch=1`, { token: scene.session }),
    async kill() {
      scene.injector?.disconnect()
      if (scene.up.child.exitCode !== null || scene.up.child.signalCode !== null) return
      process.kill(scene.up.processes.gateway, 'SIGKILL')
      await scene.up.kill()
    },
    restart: (more = []) => start(more),
    async close() {
      if (scene.up !== undefined) await scene.kill()
      await upstream.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  try {
    await start(args)
  } catch (error) {
    await scene.close()
    throw error
  }
  return scene
}

/** All leaves of a stopped log. */
export async function leavesOf(logDirectory: string): Promise<Leaf[]> {
  const size = Number(readFileSync(join(logDirectory, 'checkpoint'), 'utf8').split('\n')[1])
  const leaves: Leaf[] = []
  while (leaves.length < size)
    for (const bytes of await readLeaves(disk, logDirectory, leaves.length, size))
      leaves.push(JSON.parse(bytes.toString('latin1')) as Leaf)
  return leaves
}

/** What `verify` finds wrong with a stopped log. */
export function faultsFound(
  logDirectory: string,
  oldCheckpoints: readonly string[] = [],
  live = false,
): unknown[] {
  const report = verifyLog({
    directory: logDirectory,
    vkey: readFileSync(join(logDirectory, 'log.vkey'), 'utf8').trim(),
    keyFile: join(logDirectory, 'secrets/kek'),
    oldCheckpoints,
    live,
  })
  return report.checks.filter(check => check.status === 'failed')
}

/**
 * What the product promises, compared after the fact: the log against what the upstream saw and what callers were
 * answered. Returns what breaks the promise.
 */
export function unrecorded(
  leaves: readonly Leaf[],
  upstream: Upstream,
  calls: readonly Made[],
): { sentWithoutIntent: string[]; answeredWithoutOutcome: string[] } {
  const phases = (phase: string) =>
    new Set(leaves.filter(leaf => leaf.phase === phase).map(leaf => leaf.call))
  const intents = phases('intent')
  const outcomes = phases('outcome')
  return {
    sentWithoutIntent: upstream.requests
      .filter(request => request.method !== 'GET')
      .flatMap(request => headersOf(request, 'audit-id'))
      .filter(id => !intents.has(id)),
    answeredWithoutOutcome: calls
      .filter(one => one.status >= 200 && one.status < 300)
      .map(one => one.auditId ?? 'no Audit-ID')
      .filter(id => !intents.has(id) || !outcomes.has(id)),
  }
}
