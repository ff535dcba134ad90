import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

/** A running process of the cluster. */
export interface Component {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  /** Throws with the end of the log when the process is gone. */
  check(): void
  /** Resolves when the process is gone, for whatever reason. */
  readonly gone: Promise<void>
  /** Ends the process: SIGTERM, and SIGKILL after `graceMs`; 0 kills at once. Resolves when it is gone. */
  stop(graceMs: number): Promise<void>
}

export interface ComponentOptions {
  readonly name: string
  readonly executable: string
  readonly args: readonly string[]
  /** Working directory. */
  readonly dir: string
  readonly logFile: string
}

const logTailLines = 25
const live = new Set<ChildProcess>()
let exitHookInstalled = false

/**
 * Starts a process in its own process group (a Ctrl-C in the terminal does not reach it) with a small
 * environment and its output in a log file. It is killed when this process exits; our own Go programs
 * also watch for the case that this process is killed.
 */
export async function startComponent(options: ComponentOptions): Promise<Component> {
  const log = openSync(options.logFile, 'a', 0o600)
  const child = spawn(options.executable, options.args, {
    cwd: options.dir,
    env: environment(),
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const gone = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', error => reject(new Error(`cannot start ${options.name}: ${error.message}`)))
  })
  killOnExit(child)
  return {
    name: options.name,
    pid: child.pid!,
    logFile: options.logFile,
    gone,
    check() {
      const end = child.signalCode ?? child.exitCode
      if (end !== null) throw new Error(`${options.name} ended (${end}): ${logTail(options.logFile)}`)
    },
    stop: graceMs => stop(child, gone, graceMs),
  }
}

/** No KUBECONFIG, no proxy settings, no secrets of the caller. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { SALLYPORT_TESTBED_PARENT: String(process.pid) }
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ']) {
    if (process.env[name] !== undefined) env[name] = process.env[name]
  }
  return env
}

/** Ends a child with this process, if it is still there then. */
export function killOnExit(child: ChildProcess): void {
  live.add(child)
  child.once('exit', () => live.delete(child))
  if (exitHookInstalled) return
  exitHookInstalled = true
  process.on('exit', () => {
    // SIGTERM first would need time that an exit handler does not have; the kubelet's pods die with it.
    for (const each of live) each.kill('SIGKILL')
  })
}

async function stop(child: ChildProcess, gone: Promise<void>, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  if (graceMs > 0) child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await gone
  clearTimeout(kill)
}

export function logTail(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n')
  return `the end of ${logFile} says\n${lines.slice(-logTailLines).join('\n')}`
}
