import { readFileSync } from 'node:fs'

/** The log replaces its partial tiles while it grows: a file that was listed can be gone. Then: nothing. */
export function readUnlessGone(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}
