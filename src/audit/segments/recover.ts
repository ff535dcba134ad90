import { join } from 'node:path'
import type { Files } from '../files/files.ts'
import { LogDamaged } from '../log/damaged.ts'
import { FLAG_LAST, readSeq, segmentFirst, segmentHeader } from './record.ts'
import { scanSegment } from './scan.ts'

/** Where the next record goes. */
export interface SegmentEnd {
  /** First entry of the segment file. */
  readonly first: number
  readonly position: number
}

/**
 * Removes records of entries that never became durable (the log ends at `size`), so that no entry number ever has
 * two records. @param lastWithRecords The last entry of the log known to have records, or -1.
 */
export async function recoverSegments(
  files: Files,
  directory: string,
  origin: string,
  size: number,
  lastWithRecords: number,
): Promise<{ end: SegmentEnd | null; dropped: number }> {
  const path = join(directory, 'segments')
  const firsts = (await files.list(path)).filter(name => segmentFirst(name) >= 0)
  const dropped = 0
  for (let name = firsts.pop(); name !== undefined; name = firsts.pop()) {
    const first = segmentFirst(name)
    if (first >= size) {
      // Durably gone with the first batch to come: a process opens its first segment with a sync of the directory.
      await files.remove(join(path, name))
      continue
    }
    const file = await files.open(join(path, name), 'write')
    try {
      const length = await file.size()
      // Cut by a crash between creation and the first sync of a file that holds nothing durable.
      if (length < segmentHeader(origin).length && lastWithRecords < first) {
        await file.close()
        await files.remove(join(path, name))
        continue
      }
      const scan = await scanSegment(file, origin)
      let end = scan.position
      let last = -1
      let whole = true
      for (let payload = await scan.next(); payload !== null; payload = await scan.next()) {
        const seq = readSeq(payload, 8)
        if (seq >= size) break
        if (seq < last) throw new LogDamaged('segment-order', `${name} holds entry ${seq} after ${last}`)
        last = seq
        whole = (payload[1]! & FLAG_LAST) !== 0
        end = scan.position
      }
      if (lastWithRecords >= 0 && (last !== lastWithRecords || !whole)) {
        throw new LogDamaged(
          'segment-short',
          `${name} ends with ${whole ? '' : 'a part of '}entry ${last}, but entry ${lastWithRecords} was durable: storage lost written data`,
        )
      }
      // What is removed must not come back with the next power cut: its entry numbers are given away again.
      if (end < length) {
        await file.truncate(end)
        await file.datasync()
      }
      return { end: { first, position: end }, dropped: dropped + length - end }
    } finally {
      await file.close().catch(() => {})
    }
  }
  if (lastWithRecords >= 0) {
    throw new LogDamaged('segment-short', `no segment holds entry ${lastWithRecords}, which was durable`)
  }
  return { end: null, dropped }
}
