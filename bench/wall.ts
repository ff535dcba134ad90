import {
  closeSync,
  fdatasync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  write,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { quantile } from './load.ts'
import { pluginOf } from './targets/sallyport.ts'
import { run, type Target } from './targets/target.ts'

/** Milliseconds of a whole `kubectl get`, the first one left out. */
export async function kubectlWall(kubectl: string, kubeconfig: string, times: number): Promise<number[]> {
  const args = ['--kubeconfig', kubeconfig, 'get', 'configmap', 'small', '-n', 'bench']
  return timed(times, () => run(kubectl, args))
}

/** The target's kubeconfig with its token instead of the plugin: what the gateway itself costs a kubectl. */
export async function withToken(target: Target, dir: string): Promise<string> {
  const { command, args } = pluginOf(target.kubeconfig!)
  const { stdout } = await run(command, args) // those of the start may have run out by now
  const { token } = JSON.parse(stdout).status
  const config = parse(readFileSync(target.kubeconfig!, 'utf8'))
  for (const { user } of config.users) {
    delete user.exec
    user.token = token
  }
  const file = join(dir, 'with-token.kubeconfig')
  writeFileSync(file, stringify(config), { mode: 0o600 })
  return file
}

/** Milliseconds of the credential plugin when its token is cached. */
export function pluginWall(target: Target, times: number): Promise<number[]> {
  const { command, args } = pluginOf(target.kubeconfig!)
  return timed(times, () => run(command, args))
}

async function timed(times: number, work: () => Promise<unknown>): Promise<number[]> {
  await work()
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    const from = performance.now()
    await work()
    taken.push(performance.now() - from)
  }
  return taken.sort((a, b) => a - b)
}

/** Median of an append of 3 KB with fdatasync on this disk, in milliseconds: what durability costs at least. */
export async function syncTime(parent: string): Promise<number> {
  const dir = mkdtempSync(join(parent, 'sync-'))
  const file = openSync(join(dir, 'file'), 'w')
  const bytes = Buffer.alloc(3000, 1)
  const taken: number[] = []
  for (let i = 0; i < 200; i++) {
    const from = performance.now()
    await promisify(write)(file, bytes, 0, bytes.length, fstatSync(file).size)
    await promisify(fdatasync)(file)
    taken.push(performance.now() - from)
  }
  closeSync(file)
  rmSync(dir, { recursive: true })
  return quantile(
    taken.sort((a, b) => a - b),
    0.5,
  )
}
