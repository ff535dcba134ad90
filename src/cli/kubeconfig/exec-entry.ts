import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface ExecEntry {
  readonly command: string
  readonly args: readonly string[]
}

/**
 * How kubectl starts our credential plugin: `sallyport` where that name on the PATH is this very installation, else
 * this Node with this launcher, so that it works from a checkout that was never installed.
 */
export function execEntryOf(server: string, connection: string, env: NodeJS.ProcessEnv): ExecEntry {
  const args = ['credential', '--gateway', server, '--connection', connection]
  const launcher = fileURLToPath(new URL('../../../bin/sallyport.mjs', import.meta.url))
  if (isOnPath(launcher, env)) return { command: 'sallyport', args }
  return { command: process.execPath, args: [launcher, ...args] }
}

function isOnPath(launcher: string, env: NodeJS.ProcessEnv): boolean {
  for (const folder of (env.PATH ?? env.Path ?? '').split(delimiter)) {
    const file = join(folder, 'sallyport')
    // On Windows npm writes sallyport.cmd, which says nothing about where it leads: the launcher is named instead.
    if (folder === '' || !existsSync(file)) continue
    return realpathSync(file) === realpathSync(launcher)
  }
  return false
}
