import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Files } from '../audit/files/files.ts'
import { readWhole, replaceWholeDurably } from '../audit/files/whole.ts'
import { type Checkpoint, parseCheckpoint } from '../audit/log/checkpoint.ts'
import { openNote } from '../audit/log/note.ts'

/** The last checkpoint of one log that this witness has cosigned. */
export interface Kept {
  readonly checkpoint: Checkpoint
  /** The log's key that had signed it. */
  readonly vkey: string
  /** The signed note with our cosignature. */
  readonly note: string
}

/** One small file per log, `logs/<SHA-256 of the origin in hex>.json`, replaced whole and durably. */
export interface KeptCheckpoints {
  /** Throws an Error when what is kept cannot be used: starting over would let a fork through. */
  load(originHash: string): Promise<Kept | null>
  /** Durable when it resolves. */
  save(kept: Kept): Promise<void>
  /** How many logs are known. */
  count(): Promise<number>
}

export function originHash(origin: string): string {
  return hash('sha256', origin, 'hex')
}

export function keptCheckpoints(files: Files, directory: string): KeptCheckpoints {
  const folder = join(directory, 'logs')
  const path = (name: string) => join(folder, `${name}.json`)
  return {
    async load(name) {
      const bytes = await readWhole(files, path(name))
      if (bytes === null) return null
      try {
        const { v, vkey, note } = JSON.parse(bytes.toString()) as { v: number; vkey: string; note: string }
        const checkpoint = parseCheckpoint(openNote(note, vkey))
        if (v !== 1 || originHash(checkpoint.origin) !== name) throw new Error('it is of another log')
        return { checkpoint, vkey, note }
      } catch (error) {
        throw new Error(`the kept checkpoint ${path(name)} cannot be used: ${(error as Error).message}`)
      }
    },
    async save({ checkpoint, vkey, note }) {
      await files.makeDirectory(folder, 0o700)
      await files.syncDirectory(directory)
      const bytes = Buffer.from(`${JSON.stringify({ v: 1, vkey, note })}\n`)
      await replaceWholeDurably(files, path(originHash(checkpoint.origin)), bytes, 0o600)
    },
    async count() {
      return (await files.list(folder)).filter(name => name.endsWith('.json')).length
    },
  }
}
