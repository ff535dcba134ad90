import { join } from 'node:path'
import type { Files } from '../files/files.ts'
import type { CarriedRecords } from '../log/wal.ts'
import { LENGTH_BYTES, readSeq, segmentName } from './record.ts'

export interface RestorableRecords extends CarriedRecords {
  /** First entry whose records must not be restored. */
  readonly until: number
}

/**
 * Puts records that only the write-ahead file had synced where they belong, and makes them durable there. A segment
 * that is gone (retention removed it, or storage lost it) is left to the checks of `recoverSegments`.
 */
export async function restoreRecords(
  files: Files,
  directory: string,
  carried: readonly RestorableRecords[],
): Promise<void> {
  const path = join(directory, 'segments')
  const present = new Set(await files.list(path))
  for (const [segment, records] of Map.groupBy(carried, one => one.segment)) {
    const name = segmentName(segment)
    if (!present.has(name)) continue
    const file = await files.open(join(path, name), 'write')
    try {
      for (const one of records) {
        const bytes = ownedPart(one)
        const there = Buffer.allocUnsafe(bytes.length)
        const count = await file.read(there, one.position)
        if (count < bytes.length || !there.equals(bytes)) await file.write([bytes], one.position)
      }
      // Also what was there already: the process before may have died with it in memory only.
      await file.datasync()
    } finally {
      await file.close()
    }
  }
}

/** The records of entries before `until`. */
function ownedPart({ bytes, until }: RestorableRecords): Buffer {
  let end = 0
  while (end < bytes.length) {
    if (readSeq(bytes, end + LENGTH_BYTES + 8) >= until) break
    end += LENGTH_BYTES + bytes.readUInt32BE(end)
  }
  return bytes.subarray(0, end)
}
