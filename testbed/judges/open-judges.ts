import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const FILES = ['package.json', 'package-lock.json']

/**
 * Requires modules of this folder's package.json. They are installed under the user's cache folder when they are not there: the project
 * itself does not depend on them, and nobody who starts it waits for them.
 */
export async function openJudges(): Promise<NodeJS.Require> {
  const hash = createHash('sha256')
  for (const file of FILES) hash.update(readFileSync(join(import.meta.dirname, file)))
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const dir = join(cache, 'sallyport', 'judges', hash.digest('hex').slice(0, 16))
  const complete = join(dir, '.complete')
  if (!existsSync(complete)) {
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir, { recursive: true })
    for (const file of FILES) copyFileSync(join(import.meta.dirname, file), join(dir, file))
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
    await promisify(execFile)('npm', args, { cwd: dir, timeout: 300_000 })
    writeFileSync(`${complete}.new`, '')
    renameSync(`${complete}.new`, complete)
  }
  return createRequire(join(dir, 'package.json'))
}
