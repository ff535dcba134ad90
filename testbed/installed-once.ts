import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { withFileLock } from './file-lock.ts'

/**
 * The folder `sallyport/KIND/ID` of the user's cache, filled by `install` when it is not there. What was begun and not finished is made
 * anew; of several at a time one installs, and the others wait.
 */
export async function installedOnce(
  kind: string,
  id: string,
  install: (dir: string) => Promise<void>,
): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const dir = join(cache, 'sallyport', kind, id)
  const complete = join(dir, '.complete')
  if (existsSync(complete)) return dir
  mkdirSync(join(cache, 'sallyport', kind), { recursive: true })
  await withFileLock(`${dir}.lock`, {}, async () => {
    if (existsSync(complete)) return
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir)
    await install(dir)
    writeFileSync(`${complete}.new`, '')
    renameSync(`${complete}.new`, complete)
  })
  return dir
}
