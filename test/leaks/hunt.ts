import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { pluginToken } from '../clients/plugin-token.ts'
import { type Ran, runProgram, sallyport, startUp, type Up } from '../e2e/rig.ts'
import type { Canary, Plant } from './canary.ts'
import { ownRules } from './cluster-objects.ts'
import { createSearch, type Form, looksIn } from './search.ts'
import { sow } from './sow.ts'
import { plantOf } from './ways.ts'

export const NAMESPACE = 'leaks'

export interface RawOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds after which an answer without an end is left. */
  readonly leaveAfter?: number
}

export interface Raw {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Something that was received and must not have been. */
export interface Leak {
  readonly by: string
  readonly what: string
}

export interface Hunt {
  readonly cluster: Cluster
  readonly up: Up
  readonly plant: Plant
  readonly leaks: readonly Leak[]
  /** Bytes that were looked through, and in how many answers and outputs. */
  readonly looked: { bytes: number; answers: number }
  /** Of those out of reach: the ones that were seen. */
  readonly missed: ReadonlySet<Canary>
  /** Looks through what was received. */
  received(by: string, bytes: Uint8Array | string): void
  /** The same for a file of the gateway: its own keys are in some. */
  stored(by: string, bytes: Uint8Array): void
  /** Through the gateway; what it prints is looked through. */
  kubectl(args: readonly string[], options?: { stdin?: string; env?: Record<string, string> }): Promise<Ran>
  /** The same for many, a few at a time. */
  kubectlAll(runs: readonly (readonly string[])[]): Promise<void>
  /** As the administrator, past the gateway. */
  direct(args: readonly string[], stdin?: string): Promise<Ran>
  /** One request to the cluster through the gateway; head and body are looked through. */
  raw(path: string, options?: RawOptions): Promise<Raw>
  /** A program that reads through the gateway. */
  program(name: string, command: string, args: readonly string[]): Promise<Ran>
  /** Also canaries that came to be while hunting. */
  watchFor(...more: Canary[]): void
  close(): Promise<void>
}

/** A cluster with canaries in it and the product before it. */
export async function openHunt(count: number): Promise<Hunt> {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-leaks-'))
  const cluster = await startCluster()
  let up: Up | undefined
  const close = async (): Promise<void> => {
    await up?.stop()
    await cluster.stop()
    rmSync(home, { recursive: true, force: true })
  }
  try {
    const plant = plantOf(count)
    const run = (kubeconfig: string, args: readonly string[], options: object = {}): Promise<Ran> =>
      runProgram(cluster.kubectl, ['--kubeconfig', kubeconfig, '--namespace', NAMESPACE, ...args], {
        ...options,
        env: { HOME: home, KUBECONFIG: '', ...(options as { env?: Record<string, string> }).env },
      })
    const direct: Hunt['direct'] = (args, stdin) =>
      run(cluster.kubeconfig, args, stdin === undefined ? {} : { stdin })
    await sow(plant, direct)
    up = await startUp({ kubeconfig: cluster.agentKubeconfig, dataDir: join(home, 'data') })
    const running = up
    const token = await pluginToken(running.kubeconfig)
    const rules = JSON.stringify(ownRules)
    const applied = await sallyport(
      ['apply', '-f', '-', '--gateway', running.url, '--ca-file', running.caFile],
      {
        env: { SALLYPORT_STATE_DIR: join(running.dataDir, 'client') },
        stdin: rules,
      },
    )
    assert.equal(applied.code, 0, applied.stderr)
    const agent = new Agent({ keepAlive: true, ca: readFileSync(running.caFile) })
    let search = createSearch(plant.canaries)
    const leaks: Leak[] = []
    const missed = new Set<Canary>()
    const looked = { bytes: 0, answers: 0 }

    const stored: Hunt['stored'] = (by, all) => {
      looked.bytes += all.length
      looked.answers++
      for (const { canary, form, around } of search.look(all)) {
        if (canary.outOfReach === null) leaks.push({ by, what: `${canary.id} (${form}): ${around}` })
        else if (isMiss(canary, form)) missed.add(canary)
      }
    }
    const received: Hunt['received'] = (by, bytes) => {
      const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
      stored(by, all)
      for (const what of looksIn(all)) leaks.push({ by, what })
    }

    const kubectl: Hunt['kubectl'] = async (args, options = {}) => {
      const ran = await run(running.kubeconfig, args, options)
      received(`kubectl ${args.join(' ')}`, `${ran.stdout}\n${ran.stderr}`)
      return ran
    }

    return {
      ...{ cluster, up: running, plant, leaks, looked, missed, received, stored, direct },
      kubectl,
      async kubectlAll(runs) {
        const left = [...runs]
        const work = async (): Promise<void> => {
          for (let args = left.shift(); args !== undefined; args = left.shift()) await kubectl(args)
        }
        await Promise.all([work(), work(), work()])
      },
      async raw(path, options = {}) {
        const answered = await rawCall(running, agent, token, path, options)
        const { method = 'GET', headers = {} } = options
        const by = `${method} ${path} ${JSON.stringify(headers)}`
        received(by, `${answered.raw.join('\n')}\n\n`)
        received(by, answered.bytes)
        return { ...answered, body: answered.bytes.toString('utf8') }
      },
      async program(name, command, args) {
        const ran = await runProgram(command, args, { timeout: 100_000 })
        assert.equal(ran.code, 0, `${name}: ${ran.stderr.slice(-2000)}`)
        received(name, `${ran.stdout}\n${ran.stderr}`)
        return ran
      },
      watchFor(...more) {
        plant.canaries.push(...more)
        search = createSearch(plant.canaries)
      },
      async close() {
        agent.destroy()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Which forms of one that is out of reach tell somebody its value. */
function isMiss(_canary: Canary, _form: Form): boolean {
  return true
}

async function rawCall(
  up: Up,
  agent: Agent,
  token: string,
  path: string,
  options: RawOptions,
): Promise<{ status: number; headers: IncomingMessage['headers']; raw: string[]; bytes: Buffer }> {
  const { hostname, port } = new URL(up.url)
  const headers: Record<string, string> = { authorization: `Bearer ${token}`, ...options.headers }
  if (options.body !== undefined) {
    headers['content-type'] ??= 'application/json'
    headers['content-length'] = String(Buffer.byteLength(options.body))
  }
  const { method = 'GET' } = options
  const sent = request({ hostname, port, method, headers, agent, path: `/k/${up.connection}${path}` })
  sent.end(options.body)
  const timer = setTimeout(() => sent.destroy(new Error(`${method} ${path} did not answer`)), 30_000)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  // Whoever leaves early is told of it.
  sent.on('error', () => {})
  const chunks: Buffer[] = []
  response.on('data', chunk => chunks.push(chunk))
  response.on('error', () => {})
  const leaving =
    options.leaveAfter === undefined ? undefined : setTimeout(() => sent.destroy(), options.leaveAfter)
  await new Promise<void>(resolve => response.once('close', () => resolve()))
  clearTimeout(timer)
  clearTimeout(leaving)
  return {
    status: response.statusCode!,
    headers: response.headers,
    raw: response.rawHeaders,
    bytes: Buffer.concat(chunks),
  }
}
