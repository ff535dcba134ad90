import { join } from 'node:path'
import type { Files, LogFile } from '../files/files.ts'
import type { EpochKey } from '../keys/epochs.ts'
import type { WrittenKey } from '../log/contract.ts'
import { type DataKeyring, dataKeyring, type OpenedEntry } from './open-records.ts'
import { RecordType, readSeq, segmentFirst, segmentName } from './record.ts'
import { type SegmentScan, scanSegment } from './scan.ts'

/** Reads the records of entries in ascending order, through all segments. */
export interface SegmentCursor {
  /** Null when its records are gone or cannot be opened (segment removed, key destroyed). */
  read(seq: number): Promise<CursorEntry>
  close(): Promise<void>
}

export interface CursorEntry {
  readonly opened: OpenedEntry | null
  readonly segment: number
  readonly offset: number
  readonly keys: readonly WrittenKey[] | null
}

export function segmentCursor(
  files: Files,
  directory: string,
  origin: string,
  find: (id: string) => Promise<EpochKey | null>,
  /** `heads`: bodies are passed over, neither held nor decrypted. */
  parts: 'all' | 'heads' = 'all',
): SegmentCursor {
  const path = join(directory, 'segments')
  const keyring = dataKeyring(origin, find)
  let file: LogFile | null = null
  let scan: SegmentScan | null = null
  let segment = -1
  /** The first segment after the current one; -1 for none. */
  let following = -1
  let ahead: Buffer | null = null
  let aheadAt = 0

  async function enter(seq: number): Promise<void> {
    const firsts = (await files.list(path)).map(segmentFirst).filter(first => first >= 0)
    const wanted = firsts.findLast(first => first <= seq) ?? -1
    const next = firsts.find(first => first > wanted) ?? -1
    following = next
    if (wanted === segment) return
    await file?.close()
    file = null
    scan = null
    ahead = null
    segment = wanted
    keyring.forget()
    if (wanted < 0) return
    file = await files.open(join(path, segmentName(wanted)), 'read')
    scan = await scanSegment(file, origin)
  }

  return {
    async read(seq) {
      // Without a known successor each entry looks whether one has appeared.
      if (segment < 0 || following < 0 || seq >= following) await enter(seq)
      const keys: WrittenKey[] = []
      const payloads: Buffer[] = []
      let offset = -1
      while (scan !== null) {
        if (ahead === null) {
          aheadAt = scan.position
          const payload = await scan.next()
          if (payload === null) break
          ahead = Buffer.from(payload)
        }
        const found = readSeq(ahead, 8)
        if (found > seq) break
        if (ahead[0] === RecordType.key) {
          await keyring.learn(ahead)
          if (found === seq) keys.push({ kid: ahead.toString('hex', 16, 32), offset: aheadAt })
        } else if (found === seq && (parts === 'all' || ahead[0] === RecordType.head)) payloads.push(ahead)
        if (found === seq && offset < 0) offset = aheadAt
        ahead = null
      }
      let opened: OpenedEntry | null = null
      try {
        opened = keyring.open(payloads)
      } catch {
        // Destroyed with its key: the leaf stays, the facts are gone. `verify` says so; a reader goes on.
      }
      return { opened, segment, offset: Math.max(offset, 0), keys: keys.length === 0 ? null : keys }
    },
    async close() {
      await file?.close()
      file = null
    },
  }
}

/** The records of one entry at a known place. */
export async function readEntryAt(
  files: Files,
  directory: string,
  origin: string,
  find: (id: string) => Promise<EpochKey | null>,
  place: { readonly seq: number; readonly segment: number; readonly offset: number },
  keys: readonly WrittenKey[],
): Promise<OpenedEntry> {
  const keyring = dataKeyring(origin, find)
  return keyring.open(await readRecordsAt(files, directory, origin, place, keys, keyring))
}

/** The encrypted records of one entry at a known place, the keys among them learnt. */
export async function readRecordsAt(
  files: Files,
  directory: string,
  origin: string,
  place: { readonly seq: number; readonly segment: number; readonly offset: number },
  keys: readonly WrittenKey[],
  keyring: DataKeyring,
): Promise<Buffer[]> {
  const file = await files.open(join(directory, 'segments', segmentName(place.segment)), 'read')
  try {
    const payloads: Buffer[] = []
    const scan = await scanSegment(file, origin, place.offset)
    for (let payload = await scan.next(); payload !== null; payload = await scan.next()) {
      if (readSeq(payload, 8) !== place.seq) break
      if (payload[0] !== RecordType.key) payloads.push(Buffer.from(payload))
    }
    // Values of a delta have a key that no record of the entry names in the clear.
    for (const key of keys) {
      if (keyring.has(key.kid)) continue
      const record = await (await scanSegment(file, origin, key.offset)).next()
      if (record?.[0] === RecordType.key) await keyring.learn(record)
    }
    return payloads
  } finally {
    await file.close()
  }
}
