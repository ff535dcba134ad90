import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installedOnce } from '../installed-once.ts'

const FILES = ['package.json', 'package-lock.json']

/**
 * Requires modules of this folder's package.json. They are installed under the user's cache folder when they are not there: the project
 * itself does not depend on them, and nobody who starts it waits for them.
 */
export async function openJudges(): Promise<NodeJS.Require> {
  const hash = createHash('sha256')
  for (const file of FILES) hash.update(readFileSync(join(import.meta.dirname, file)))
  const dir = await installedOnce('judges', hash.digest('hex').slice(0, 16), async folder => {
    for (const file of FILES) copyFileSync(join(import.meta.dirname, file), join(folder, file))
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
    await promisify(execFile)('npm', args, { cwd: folder, timeout: 300_000 })
  })
  return createRequire(join(dir, 'package.json'))
}
