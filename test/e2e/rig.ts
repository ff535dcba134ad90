import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { assertPrinted } from '../../src/api/testing/printed.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'

const root = join(import.meta.dirname, '..', '..')
export const cli = join(root, 'src', 'cli', 'main.ts')

/** What `sallyport up -o json` prints when it serves. */
export interface UpFacts {
  readonly url: string
  readonly caFile: string
  readonly kubeconfig: string
  readonly dataDir: string
  readonly connection: string
  /** Holds the local administrator's one-time code. */
  readonly codeFile: string
  readonly processes: { readonly gateway: number }
}

export interface Up extends UpFacts {
  readonly child: ChildProcess
  /** What it has printed on stderr so far. */
  stderr(): string
  /** SIGTERM, and waits; resolves with the exit code. Its data directory stays until `stop`. */
  end(): Promise<number | null>
  /** The same, and its data directory is gone if it was a temporary one. */
  stop(): Promise<number | null>
  kill(): Promise<void>
}

/**
 * Which engine keeps state and index: SQLite, or with `SALLYPORT_TEST_STORE=postgres` a private PostgreSQL of this
 * process, with a schema for each data directory.
 */
const onPostgres = process.env.SALLYPORT_TEST_STORE === 'postgres'
let server: Promise<PostgresServer> | undefined
const schemas = new Map<string, string>()

/** Environment of a gateway with this data directory. */
export async function storeEnvironment(dataDir: string): Promise<Record<string, string>> {
  if (!onPostgres) return {}
  server ??= startPostgres()
  const { url, password } = await server
  const schema = schemas.get(dataDir) ?? `gateway_${schemas.size + 1}`
  schemas.set(dataDir, schema)
  return {
    SALLYPORT_STORE: `${url}?schema=${schema}`,
    SALLYPORT_STORE_PASSWORD: `\${STORE_PASSWORD}`,
    STORE_PASSWORD: password,
  }
}

/** Every value of every table that a gateway with this data directory has in PostgreSQL; nothing when it is on SQLite. */
export async function storedInPostgres(dataDir: string): Promise<Buffer> {
  if (server === undefined) return Buffer.alloc(0)
  const { url, password } = await server
  const schema = schemas.get(dataDir)!
  const { Client } = await import('pg')
  const address = new URL(url)
  address.password = password
  const client = new Client({ connectionString: address.href })
  await client.connect()
  try {
    const tables = await client.query('select tablename from pg_tables where schemaname = $1', [schema])
    const values: Buffer[] = []
    for (const { tablename } of tables.rows) {
      const { rows } = await client.query({
        text: `select * from "${schema}"."${tablename}"`,
        rowMode: 'array',
      })
      for (const value of rows.flat()) {
        values.push(
          Buffer.isBuffer(value)
            ? value
            : Buffer.from(`${typeof value === 'object' ? JSON.stringify(value) : value}\n`),
        )
      }
    }
    return Buffer.concat(values)
  } finally {
    await client.end()
  }
}

if (onPostgres) after(async () => (await server)?.stop())

export interface UpOptions {
  readonly dataDir?: string
  readonly configDir?: string
  readonly kubeconfig?: string
  readonly listen?: string
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** Program and first arguments that run the rest of the command line. */
  readonly under?: readonly string[]
}

/** Starts the product as a person would: its own process, its own data directory, a free port. */
export async function startUp(options: UpOptions = {}): Promise<Up> {
  const temporary = options.dataDir === undefined
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'sallyport-up-'))
  const args = [cli, 'up', '--data-dir', dataDir, '--listen', options.listen ?? '127.0.0.1:0', '-o', 'json']
  if (options.kubeconfig !== undefined) args.push('--kubeconfig', options.kubeconfig)
  if (options.configDir !== undefined) args.push('--config-dir', options.configDir)
  args.push(...(options.args ?? []))
  const [program, ...first] = [...(options.under ?? []), process.execPath]
  const child = spawn(program!, [...first, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(await storeEnvironment(dataDir)), ...options.env },
  })
  let stderr = ''
  child.stderr!.on('data', chunk => {
    stderr += chunk
  })
  const exited = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve)
    child.once('error', reject)
    void exited.then(code =>
      reject(new Error(`up ended with ${code} before it served:\n${stderr.slice(-4000)}`)),
    )
  })
  assertPrinted(args, line)
  const facts = JSON.parse(line) as UpFacts
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    return await exited
  }
  const finish = async (signal: NodeJS.Signals): Promise<number | null> => {
    const code = await end(signal)
    if (temporary) rmSync(dataDir, { recursive: true, force: true })
    return code
  }
  return {
    ...facts,
    child,
    stderr: () => stderr,
    end: () => end('SIGTERM'),
    stop: () => finish('SIGTERM'),
    kill: async () => void (await finish('SIGKILL')),
  }
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; bounded by `timeout` milliseconds, after which it is killed and the run fails. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { stdin?: string; env?: Readonly<Record<string, string>>; timeout?: number; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd ?? root,
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${command} ${args.join(' ')} did not end in time\n${stdout}\n${stderr}`))
    }, options.timeout ?? 120_000)
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin ?? '')
  })
}

/** Runs a command of our own CLI. All JSON that it prints must be of the published schema. */
export async function sallyport(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; stdin?: string; timeout?: number } = {},
): Promise<Ran> {
  const ran = await runProgram(process.execPath, [cli, ...args], options)
  assertPrinted(args, ran.stdout)
  return ran
}
