import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killOnExit, logTail } from '../component.ts'
import { freePorts } from '../free-ports.ts'
import { findPostgres } from './find-postgres.ts'

export interface PostgresOptions {
  /** Folder with `postgres` and `initdb`; default `await findPostgres()`. */
  readonly binaries?: string
  /** Whether commits reach the disk. Default false: only tests of durability need it. */
  readonly fsync?: boolean
  /** PEM, for TLS on the TCP port. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly onProgress?: (line: string) => void
}

/** A private server: loopback TCP with a password, and a socket in its own folder. */
export interface PostgresServer {
  readonly host: string
  readonly port: number
  /** A superuser. */
  readonly user: string
  readonly password: string
  /** postgres://postgres@127.0.0.1:port/postgres, without the password. */
  readonly url: string
  readonly logFile: string
  /** The postmaster. */
  pid(): number
  /** Ends it: `fast` closes connections and writes everything, `immediate` is a crash. `start` brings it back. */
  halt(how?: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  /** Ends it and removes its folder. Can be called twice. */
  stop(): Promise<void>
}

/** Starts when the first test needs it: about a second with initdb. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binaries =
    options.binaries ??
    (await findPostgres(options.onProgress === undefined ? {} : { onProgress: options.onProgress }))
  const owner = unprivileged()
  // Short: a socket's path has at most 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), 'sp-pg-'))
  const own = (path: string, mode: number) => {
    chmodSync(path, mode)
    if (owner !== null) chownSync(path, owner, owner)
  }
  own(dir, 0o700)
  const data = join(dir, 'data')
  const logFile = join(dir, 'log')
  const password = crypto.randomUUID()
  let running: ChildProcess | undefined
  let port = 0

  async function start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      // Clients must find it again after `halt`; only a first start may move to another port.
      if (running === undefined && port === 0) port = (await freePorts(1))[0]!
      try {
        running = await startServer(binaries, serverArgs(data, dir, port, options), owner, data, logFile)
        return
      } catch (error) {
        const taken = error instanceof Error && /Address already in use/i.test(error.message)
        if (!taken || attempt === 5) throw error
        if (running === undefined) port = 0
        else await sleep(200)
      }
    }
  }
  async function halt(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const child = running
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    process.kill(postmaster(data), how === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await gone
  }
  async function stop(): Promise<void> {
    await halt('immediate')
    rmSync(dir, { recursive: true, force: true })
  }

  try {
    const secret = join(dir, 'password')
    writeFileSync(secret, `${password}\n`)
    own(secret, 0o600)
    initialise(binaries, data, secret, owner)
    for (const [name, text] of Object.entries(options.tls ?? {})) {
      const file = join(data, `server.${name === 'cert' ? 'crt' : 'key'}`)
      writeFileSync(file, text)
      own(file, 0o600)
    }
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    logFile,
    pid: () => postmaster(data),
    halt,
    start,
    stop,
  }
}

function initialise(binaries: string, data: string, passwordFile: string, owner: number | null): void {
  const args = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile]
  const { status, stderr, error } = spawnSync(
    join(binaries, 'initdb'),
    [...args, '-E', 'UTF8', '--locale=C', '-N'],
    { ...asUser(owner), cwd: join(data, '..'), encoding: 'utf8', env: environment() },
  )
  if (status !== 0) throw new Error(`initdb failed: ${error?.message ?? stderr}`)
}

function serverArgs(data: string, sockets: string, port: number, options: PostgresOptions): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: process.platform === 'win32' ? '' : sockets,
    shared_buffers: '32MB',
    max_connections: 100,
    fsync: options.fsync === true ? 'on' : 'off',
    ssl: options.tls === undefined ? 'off' : 'on',
  }
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

/** The shell ends the server when this process is gone, however it went: then its standard input ends. */
const WATCHED =
  '"$@" </dev/null & server=$!; (cat >/dev/null; kill -INT $server 2>/dev/null) <&3 & wait $server'

async function startServer(
  binaries: string,
  args: readonly string[],
  owner: number | null,
  data: string,
  logFile: string,
): Promise<ChildProcess> {
  const postgres = join(binaries, 'postgres')
  const log = openSync(logFile, 'a', 0o600)
  const from = existsSync(logFile) ? readFileSync(logFile).length : 0
  const windows = process.platform === 'win32'
  const child = spawn(
    windows ? postgres : '/bin/sh',
    windows ? args : ['-c', WATCHED, 'sh', postgres, ...args],
    {
      ...asUser(owner),
      cwd: join(data, '..'),
      env: environment(),
      stdio: ['ignore', log, log, 'pipe'],
      detached: true,
    },
  )
  closeSync(log)
  killOnExit(child)
  const lifeline = child.stdio[3] as Socket | undefined
  child.once('exit', () => lifeline?.destroy())
  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`postgres ended: ${readFileSync(logFile).subarray(from).toString()}`)
    }
    if (isReady(data)) return child
    if (Date.now() > deadline) throw new Error(`postgres is not ready: ${logTail(logFile)}`)
    await sleep(20)
  }
}

/** As pg_ctl does: the eighth line of the postmaster's file. */
function isReady(data: string): boolean {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() === 'ready'
  } catch {
    return false
  }
}

function postmaster(data: string): number {
  return Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
}

/** PostgreSQL refuses to run as root: then as `nobody`. */
function unprivileged(): number | null {
  if (process.getuid?.() !== 0) return null
  const line = /^nobody:[^:]*:(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  return Number(line?.[1] ?? 65_534)
}

function asUser(owner: number | null): { uid?: number; gid?: number } {
  return owner === null ? {} : { uid: owner, gid: owner }
}

/** No PG… variables, no secrets of the caller. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' }
  for (const name of ['PATH', 'TMPDIR', 'LD_LIBRARY_PATH', 'SystemRoot']) {
    if (process.env[name] !== undefined) env[name] = process.env[name]
  }
  return env
}
