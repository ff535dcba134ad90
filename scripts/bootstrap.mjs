// Brings node_modules in line with the lockfile before anything else runs. Plain JavaScript without
// dependencies, because the Node that starts it may be older than the one the project runs on: the npm
// package `node` in node_modules is the real runtime, and npm scripts find it first on their PATH.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const mark = join(root, 'node_modules', '.installed-from')

if (!existsSync(mark) || readFileSync(mark, 'utf8') !== lock) {
  process.stderr.write('Installing dependencies from the lockfile …\n')
  const npm = process.env.npm_execpath
  const [command, ...first] = npm ? [process.execPath, npm] : ['npm']
  const run = spawnSync(command, [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (run.status !== 0) {
    process.stderr.write('npm ci failed; nothing was started.\n')
    process.exit(run.status ?? 1)
  }
  mkdirSync(dirname(mark), { recursive: true })
  writeFileSync(mark, lock)
}
