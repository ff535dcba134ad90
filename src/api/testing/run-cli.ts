import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertPrinted } from './printed.ts'
import type { ServedApi } from './serve-api.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly milliseconds: number
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** Receives what has been written so far to stderr, for flows that need an answer. */
  readonly onStderr?: (text: string) => void
  readonly onStdout?: (text: string, kill: () => void) => void
}

export interface User {
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
}

const launcher = fileURLToPath(new URL('../../../bin/sallyport.mjs', import.meta.url))

/**
 * A person with an empty home directory, who runs the real launcher as a process of its own. All JSON that it prints
 * must be of the published schema.
 */
export function createUser(api: ServedApi, name: string, env: Readonly<Record<string, string>> = {}): User {
  const home = join(api.dir, `home-${name}`)
  mkdirSync(home, { recursive: true })
  const base: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    SALLYPORT_GATEWAY: api.url,
    SALLYPORT_CA_FILE: api.caFile,
    NODE_COMPILE_CACHE: join(api.dir, 'compile-cache'),
    ...env,
  }
  return {
    home,
    env: base,
    async run(args, options = {}) {
      const ran = await runProcess(args, { ...base, ...options.env }, options, home)
      assertPrinted(args, ran.stdout)
      return ran
    },
  }
}

function runProcess(
  args: readonly string[],
  env: Record<string, string>,
  options: RunOptions,
  cwd: string,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(process.execPath, [launcher, ...args], { env, cwd, stdio: 'pipe' })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      options.onStdout?.(stdout, () => child.kill('SIGINT'))
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      options.onStderr?.(stderr)
    })
    child.on('error', reject)
    child.on('close', code => {
      resolve({ code: code ?? -1, stdout, stderr, milliseconds: performance.now() - started })
    })
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin ?? '')
  })
}
