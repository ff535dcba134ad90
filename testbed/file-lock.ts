import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LockOptions {
  /** Told once when another process holds the lock. */
  readonly onProgress?: (line: string) => void
  /** Ends the wait with an AbortError. */
  readonly signal?: AbortSignal
}

/**
 * Runs `work` while a lock file with our process id exists, so that parallel test files build once.
 * A lock whose process is gone is taken over. Two takers at the same moment can both enter: the work must
 * be harmless when done twice (the build is: its result appears by rename).
 */
export async function withFileLock<T>(
  path: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await take(path, options)
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string, { onProgress, signal }: LockOptions): Promise<void> {
  let told = false
  for (;;) {
    if (await create(path)) return
    const holder = await holderOf(path)
    if (holder !== undefined && !isAlive(holder)) await rm(path, { force: true })
    else {
      if (!told) onProgress?.(`waiting for another build (process ${holder ?? 'unknown'}, lock ${path})`)
      told = true
      await sleep(100, undefined, signal === undefined ? {} : { signal })
    }
  }
}

/** Linking a finished file into place: nobody ever reads a lock without its process id. */
async function create(path: string): Promise<boolean> {
  const own = `${path}.${randomUUID()}`
  await writeFile(own, `${process.pid}\n`)
  try {
    await link(own, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  } finally {
    await rm(own, { force: true })
  }
}

/** Undefined when the lock was removed in the meantime. */
async function holderOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return /^\d+\n$/.test(text) ? Number(text) : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
