import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Files } from '../files/files.ts'
import { readWhole, replaceWholeDurably } from '../files/whole.ts'
import { parseCheckpoint } from '../log/checkpoint.ts'
import { openNote } from '../log/note.ts'

/**
 * What witnesses have signed, beside the log: `checkpoint.cosigned` is the newest checkpoint with enough
 * cosignatures, `witnesses/<key>` the newest of each witness. The file `checkpoint` stays the log's own note: it is
 * what recovery starts from, and it never waits for anybody.
 */
export interface CosignedFiles {
  /** Null when there is none, or none of this log's key. */
  read(): Promise<{ readonly size: number; readonly note: string } | null>
  /** @param own The log's signed note. @param lines Cosignature lines by verifier key. */
  write(own: string, lines: ReadonlyMap<string, string>, enough: boolean): Promise<string>
}

export const COSIGNED = 'checkpoint.cosigned'
export const WITNESSES = 'witnesses'

export function cosignedFiles(files: Files, directory: string, vkey: string): CosignedFiles {
  return {
    async read() {
      const note = (await readWhole(files, join(directory, COSIGNED)))?.toString()
      if (note === undefined) return null
      try {
        return { size: parseCheckpoint(openNote(note, vkey)).size, note }
      } catch {
        return null
      }
    },
    async write(own, lines, enough) {
      await files.makeDirectory(join(directory, WITNESSES), 0o755)
      for (const [key, line] of lines) {
        const name = hash('sha256', key, 'hex').slice(0, 32)
        await replaceWholeDurably(files, join(directory, WITNESSES, name), Buffer.from(own + line))
      }
      const note = own + [...lines.values()].join('')
      if (enough) await replaceWholeDurably(files, join(directory, COSIGNED), Buffer.from(note))
      return note
    },
  }
}
