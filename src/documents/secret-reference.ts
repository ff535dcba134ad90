import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

export interface SecretSource {
  /** `file:/path` or `${VARIABLE}` to the text behind it, without trailing line breaks. */
  resolve(reference: string): Promise<string>
}

const LIMIT = 256 * 1024

/** Secrets of this process: its environment, and files, relative ones seen from `directory`. */
export function secretSource(directory: string, environment: NodeJS.ProcessEnv): SecretSource {
  return {
    async resolve(reference) {
      const variable = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(reference)?.[1]
      if (variable !== undefined) {
        const value = environment[variable]
        if (value === undefined || value === '') throw new Error(`the variable ${variable} is not set`)
        return value
      }
      if (!reference.startsWith('file:')) throw new Error('not a reference to a file or a variable')
      const path = reference.slice('file:'.length)
      const text = await readFile(isAbsolute(path) ? path : join(directory, path), 'utf8').catch(
        (cause: NodeJS.ErrnoException) => {
          throw new Error(`${reference} cannot be read: ${cause.code ?? 'unknown error'}`)
        },
      )
      if (text.length > LIMIT) throw new Error(`${reference} is larger than 256 KiB`)
      return text.replace(/[\r\n]+$/, '')
    },
  }
}
