import { execFile, type StdioOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes } from 'node:fs/promises'
import { homedir, setPriority } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { killOnExit } from './component.ts'
import { withFileLock } from './file-lock.ts'

export interface ProgramOptions {
  /** One short line of plain text at a time: downloads, packages compiled, linking. */
  readonly onProgress?: (line: string) => void
  /** Folder that keeps built programs. Default: `$XDG_CACHE_HOME` or `~/.cache`, then `sallyport/testbed`. */
  readonly cacheDir?: string
  /** Ends a build, or the wait for another one, with an AbortError. */
  readonly signal?: AbortSignal
  /** Environment for the Go command. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv
}

/** The testbed cannot run on this machine as it is; the message says what is missing. */
export class TestbedUnavailable extends Error {
  override readonly name = 'TestbedUnavailable'
}

/** What `kubectl version` and user agents say; the same as `k8s.io/kubernetes` in go.mod. */
const kubernetesVersion = { git: 'v1.36.3', major: '1', minor: '36' }

/** Further names of the cluster program, which picks its part by the name it is started under. */
const clusterNames = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']

const moduleDir = import.meta.dirname
const unusedDays = 14

/**
 * Builds one Go program of this folder (`cluster`, `kubelet`, `goclient`, …) and returns the path of its
 * executable. Results are kept by a hash of the program's sources, go.mod, go.sum and the Go version; one
 * build runs at a time on a machine, others wait for it.
 */
export async function buildProgram(name: string, options: ProgramOptions = {}): Promise<string> {
  const env = options.env ?? process.env
  const cache = options.cacheDir ?? defaultCacheDir(env)
  const dir = join(cache, `${name}-${await fingerprint(name, await goVersion(env))}`)
  const executable = join(dir, name)
  if (!existsSync(executable)) {
    await mkdir(cache, { recursive: true })
    await withFileLock(join(cache, 'build.lock'), options, async () => {
      if (existsSync(executable)) return
      await compile(name, cache, dir, options)
      await removeUnused(cache, name)
    })
  }
  await utimes(dir, new Date(), new Date())
  return executable
}

export function defaultCacheDir(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME
  const root = base?.startsWith('/') ? base : join(env.HOME ?? homedir(), '.cache')
  return join(root, 'sallyport', 'testbed')
}

async function goVersion(env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('go', ['env', 'GOVERSION'], { cwd: moduleDir, env })
    return stdout.trim()
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new TestbedUnavailable(
      absent
        ? 'the test cluster is built from Go modules, and the command "go" is not in PATH'
        : `the command "go" does not work: ${(error as Error).message.trim()}`,
    )
  }
}

async function fingerprint(name: string, version: string): Promise<string> {
  const hash = createHash('sha256')
  hash.update(`${version}\n${process.platform} ${process.arch}\n${linkerFlags()}\n`)
  const files = isOwnModule(name)
    ? await goSources(name)
    : ['go.mod', 'go.sum', ...(await goSources(name)), ...(await goSources('internal'))]
  for (const file of files.sort()) {
    const content = await readFile(join(moduleDir, file))
    hash.update(`${file} ${content.length}\n`).update(content)
  }
  return hash.digest('hex').slice(0, 16)
}

/** A program whose dependencies are not the cluster's has a `go.mod` of its own. */
function isOwnModule(name: string): boolean {
  return existsSync(join(moduleDir, name, 'go.mod'))
}

async function goSources(dir: string): Promise<string[]> {
  const entries = await readdir(join(moduleDir, dir), { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile() && !entry.name.endsWith('_test.go'))
    .map(entry => join(entry.parentPath, entry.name).slice(moduleDir.length + 1))
}

/**
 * Keep as they are: -trimpath or another CGO_ENABLED would miss the build cache and take minutes. Without
 * the version variables the server calls itself v0.0.0-master and the clients `$Format`.
 */
function linkerFlags(): string {
  const version = [
    `gitVersion=${kubernetesVersion.git}`,
    `gitMajor=${kubernetesVersion.major}`,
    `gitMinor=${kubernetesVersion.minor}`,
    'gitTreeState=clean',
    `gitCommit=${'0'.repeat(40)}`,
    'buildDate=2026-01-01T00:00:00Z',
  ]
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
  return ['-s', '-w', ...packages.flatMap(path => version.map(value => `-X ${path}.${value}`))].join(' ')
}

async function compile(name: string, cache: string, target: string, options: ProgramOptions): Promise<void> {
  const started = Date.now()
  options.onProgress?.(`building ${name} with Go (minutes the first time)`)
  const fresh = await mkdtemp(join(cache, '.new-'))
  try {
    const args = [
      'build',
      '-v',
      '-buildvcs=false',
      '-ldflags',
      linkerFlags(),
      '-o',
      join(fresh, name),
      isOwnModule(name) ? '.' : `./${name}`,
    ]
    await runGo(args, name, options)
    if (name === 'cluster') for (const other of clusterNames) await symlink(name, join(fresh, other))
    await chmod(fresh, 0o755)
    // A folder appears under its final name complete or not at all.
    await rename(fresh, target)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  options.onProgress?.(`built ${name} in ${((Date.now() - started) / 1000).toFixed(0)} s`)
}

/** Runs Go at low priority; its -v output becomes progress, and the end of it the error if it fails. */
async function runGo(args: string[], name: string, options: ProgramOptions): Promise<void> {
  const { onProgress, signal } = options
  const env = options.env ?? process.env
  const stdio: StdioOptions = ['ignore', 'ignore', 'pipe']
  const cwd = isOwnModule(name) ? join(moduleDir, name) : moduleDir
  const child = spawn('go', args, { cwd, env, stdio, ...(signal === undefined ? {} : { signal }) })
  killOnExit(child)
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (child.pid !== undefined) setPriority(child.pid, 10)
  const tail: string[] = []
  let packages = 0
  let downloads = 0
  createInterface({ input: child.stderr! }).on('line', line => {
    if (line.startsWith('go: downloading ')) {
      if (++downloads % 20 === 1) onProgress?.(`${name}: downloading Go modules (${downloads})`)
    } else if (/^[\w.~-]+(\/[\w.~-]+)*$/.test(line)) {
      if (++packages % 100 === 0) onProgress?.(`${name}: ${packages} packages compiled`)
    } else {
      tail.push(line)
      if (tail.length > 30) tail.shift()
    }
  })
  const code = await closed
  if (code !== 0) throw new Error(`go build ./${name} failed (exit ${code}):\n${tail.join('\n')}`)
}

async function removeUnused(cache: string, name: string): Promise<void> {
  const limit = Date.now() - unusedDays * 86_400_000
  for (const entry of await readdir(cache)) {
    if (!entry.startsWith(`${name}-`) && !entry.startsWith('.new-')) continue
    const path = join(cache, entry)
    if ((await stat(path)).mtimeMs < limit) await rm(path, { recursive: true, force: true })
  }
}
