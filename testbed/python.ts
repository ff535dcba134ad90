import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installedOnce } from './installed-once.ts'

const run = promisify(execFile)

/**
 * Path of a Python that has this package, such as `roundup==2.6.0`, in a virtual environment under the user's cache folder;
 * made when it is not there. Throws with the name of what is missing.
 */
export async function pythonWith(requirement: string): Promise<string> {
  const version = await run('python3', ['--version']).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new Error('python3 is not in PATH: this suite needs Python 3.10 or newer with venv and pip')
  })
  const id = createHash('sha256').update(`${version.stdout}${requirement}`).digest('hex').slice(0, 16)
  const dir = await installedOnce('python', id, async folder => {
    await must('python3', ['-m', 'venv', folder])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement]
    await must(join(folder, 'bin', 'python'), pip)
  })
  return join(dir, 'bin', 'python')
}

async function must(command: string, args: readonly string[]): Promise<void> {
  try {
    await run(command, args, { timeout: 300_000 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}
