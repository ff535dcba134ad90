import { maskFactsOf } from '../deltas/mask-facts.ts'
import { disk } from '../files/disk.ts'
import type { EpochKey } from '../keys/epochs.ts'
import { readLeaves } from '../log/read.ts'
import { segmentCursor } from '../segments/cursor.ts'
import type { OpenedBody } from '../segments/open-records.ts'
import { INDEXED_BODY_BYTES, type PackedEntry } from './pack.ts'

/** Entries from disk: what the live stream would have brought, read from tiles and segments with the keys. */
export interface CatchUp {
  /** The next entries from `from` on, below `size`; at most one bundle. */
  read(from: number, size: number): Promise<PackedEntry[]>
  close(): Promise<void>
}

export function catchUpFrom(
  directory: string,
  origin: string,
  find: (id: string) => Promise<EpochKey | null>,
): CatchUp {
  const cursor = segmentCursor(disk, directory, origin, find)
  return {
    async read(from, size) {
      const leaves = await readLeaves(disk, directory, from, size)
      const entries: PackedEntry[] = []
      for (const [at, leaf] of leaves.entries()) {
        const { opened, segment, offset, keys } = await cursor.read(from + at)
        const text = [shown(opened?.request ?? null), shown(opened?.response ?? null)].filter(
          one => one !== null,
        )
        entries.push({
          leaf,
          head: opened?.head ?? null,
          text: text.length === 0 ? null : Buffer.concat(text.flatMap(one => [one, NEWLINE])),
          keys,
          masks: maskFactsOf([opened?.requestDelta ?? null, opened?.responseDelta ?? null]),
          segment: Math.max(segment, 0),
          offset,
        })
      }
      return entries
    },
    close: () => cursor.close(),
  }
}

const NEWLINE = Buffer.from('\n')

function shown(body: OpenedBody | null): Buffer | null {
  return body === null || body.sealed || body.bytes.length === 0
    ? null
    : body.bytes.subarray(0, INDEXED_BODY_BYTES)
}
