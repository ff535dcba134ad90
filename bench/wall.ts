import { closeSync, fdatasync, fstatSync, mkdtempSync, openSync, rmSync, write } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { quantile } from './load.ts'
import { pluginOf } from './targets/sallyport.ts'
import { run, type Target } from './targets/target.ts'

/** Milliseconds of a whole `kubectl get`, the first one left out. */
export async function kubectlWall(kubectl: string, target: Target, times: number): Promise<number[]> {
  const args = ['--kubeconfig', target.kubeconfig!, 'get', 'configmap', 'small', '-n', 'bench']
  return timed(times, () => run(kubectl, args))
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
