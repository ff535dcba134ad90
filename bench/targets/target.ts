import { type ChildProcess, execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Cluster } from '../../testbed/start-cluster.ts'

/** Something between the load generator and an upstream. */
export interface Target {
  readonly name: string
  /** What stands behind it: the real API server, or a web server that returns recorded bytes. */
  readonly upstream: 'api' | 'static'
  readonly url: string
  readonly prefix: string
  readonly headers: Readonly<Record<string, string>>
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }
  /** Processes whose CPU it costs. */
  readonly pids: readonly number[]
  /** Of those the agent's, when it is a process of its own. */
  readonly agentPids?: readonly number[]
  /** For kubectl. */
  readonly kubeconfig?: string
  stop(): Promise<void>
}

/** What every target is started with. */
export interface Facts {
  readonly cluster: Cluster
  readonly dir: string
  /** Authority of our own for what listens. */
  readonly ours: { readonly ca: Buffer }
  readonly caFile: string
  readonly admin: { readonly cert: Buffer; readonly key: Buffer }
}

export const run = promisify(execFile)

export async function need(program: string, flag: string): Promise<void> {
  try {
    await run(program, [flag])
  } catch {
    throw new Error(`${program}: not installed (Debian package ${program})`)
  }
}

export async function children(pid: number): Promise<number[]> {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

export async function listening(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const open = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1')
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise(r => setTimeout(r, 50))
  }
  throw new Error(`nothing listens on port ${port}`)
}

export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout! })
    lines.once('line', resolve)
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${child.spawnfile} ended with ${code} before it was ready`)))
  })
}

export function end(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), 10_000).unref()
  })
}
