import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceText } from './parse.ts'
import type { Problem } from './problem.ts'

/**
 * All `.yaml`, `.yml` and `.json` files of a directory, sorted by name, without its sub-directories. Hidden files are
 * left out: editors keep their copies there, and Kubernetes its `..data` of a mounted ConfigMap.
 * A directory that is not there is an error: an empty configuration must not come from a typing mistake.
 */
export async function readDirectory(
  directory: string,
): Promise<{ sources: SourceText[]; problems: Problem[] }> {
  const sources: SourceText[] = []
  const problems: Problem[] = []
  const fail = (file: string, cause: unknown): void => {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    problems.push({
      file,
      line: 1,
      column: 1,
      path: '',
      message: `cannot be read: ${code}`,
      severity: 'error',
    })
  }
  let names: string[] = []
  try {
    names = await readdir(directory)
  } catch (cause) {
    fail(directory, cause)
  }
  for (const name of names.filter(n => /^[^.].*\.(ya?ml|json)$/.test(n)).sort()) {
    const file = join(directory, name)
    try {
      sources.push({ file, text: await readFile(file, 'utf8') })
    } catch (cause) {
      fail(file, cause)
    }
  }
  return { sources, problems }
}
