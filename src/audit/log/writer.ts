import { join } from 'node:path'
import type { Files, LogFile } from '../files/files.ts'
import { segmentHeader, segmentName } from '../segments/record.ts'
import type { SegmentEnd } from '../segments/recover.ts'
import { openSlab } from '../segments/slab.ts'
import { type OpenCall, type WalStart, walHead, walName, walRecordsFrame, writeWalFrame } from './wal.ts'

/** The two files at the log's growing end. One write at a time on each; a failed one is never written again. */
export interface SegmentFile {
  /** The segment being written; -1 before the first. */
  readonly current: number
  /** Opens a new file when `segment` is another than before. Durable when it resolves. */
  write(segment: number, position: number, buffers: readonly Buffer[]): Promise<void>
  /** Into the current segment, a moment later; durable only after the next `sync` or `write`. */
  writeLater(position: number, buffers: readonly Buffer[]): void
  /** Everything handed over so far can be read when it resolves. */
  flush(): Promise<void>
  /** Everything written so far is durable when it resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** Milliseconds, and bytes, that records wait for company when the write-ahead file holds them already. */
const LATER = 20
const LATER_BYTES = 256 * 1024

/** @param onFailure Of a write that nobody waits for. */
export function segmentFile(
  files: Files,
  directory: string,
  origin: string,
  onFailure: (error: unknown) => void,
): SegmentFile {
  const path = join(directory, 'segments')
  let current = -1
  let file: LogFile | null = null
  let unsynced = false
  /** One after another: the file must not be closed beneath a write or a sync. */
  let busy: Promise<void> = Promise.resolve()
  let waiting: Buffer[] = []
  let waitingAt = 0
  let waitingBytes = 0
  let timer: NodeJS.Timeout | null = null

  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (waiting.length === 0) return busy
    const buffers = waiting
    const position = waitingAt
    waiting = []
    waitingBytes = 0
    busy = busy.then(() => file!.write(buffers, position))
    return busy
  }

  function flushAlone(): void {
    flush().catch(onFailure)
  }

  function sync(): Promise<void> {
    flush().catch(() => {}) // what comes after it on the chain rejects as well
    busy = busy.then(async () => {
      if (!unsynced) return
      unsynced = false
      await file!.datasync()
    })
    return busy
  }

  return {
    get current() {
      return current
    },
    flush,
    sync,
    writeLater(position, buffers) {
      unsynced = true
      if (position !== waitingAt + waitingBytes) flushAlone()
      if (waiting.length === 0) waitingAt = position
      for (const buffer of buffers) {
        waiting.push(buffer)
        waitingBytes += buffer.length
      }
      if (waitingBytes > LATER_BYTES) flushAlone()
      else timer ??= setTimeout(flushAlone, LATER)
    },
    async write(segment, position, buffers) {
      const isNew = segment !== current
      // The records before these must not be missing when these are durable.
      await flush()
      if (isNew) {
        await sync()
        await file?.close()
        file = await files.open(join(path, segmentName(segment)), 'write')
        current = segment
      }
      const head = segmentHeader(origin)
      if (position === head.length) await file!.write([head, ...buffers], 0)
      else await file!.write(buffers, position)
      await file!.datasync()
      if (isNew) await files.syncDirectory(path)
    },
    async close() {
      await flush()
      await file?.close()
      file = null
    },
  }
}

/** Where the next batch's records go, decided when the batch begins. */
export function segmentPlan(origin: string, limit: number, end: SegmentEnd | null) {
  const start = segmentHeader(origin).length
  let segment = end?.first ?? -1
  let position = end?.position ?? start
  return {
    /** @param seq First entry of the batch. */
    place(seq: number): { segment: number; position: number } {
      if (segment < 0 || position >= limit) {
        segment = seq
        position = start
      }
      return { segment, position }
    },
    advance(bytes: number): void {
      position += bytes
    },
  }
}

export interface Carried {
  /** First entry of the segment file. */
  readonly segment: number
  readonly position: number
  readonly records: readonly Buffer[]
}

export interface WalFile {
  /** Bytes in the current file. */
  readonly length: number
  /** First entry in it. */
  readonly first: number
  /** @param carried Records of these entries that are in the segment without being synced. Durable when it resolves. */
  write(buffers: readonly Buffer[], carried?: Carried): Promise<void>
  /** Begins a new file that repeats `tail`, the durable entries since `first`; resolves when it may replace the old. */
  begin(first: number, tail: readonly Buffer[], open: Iterable<OpenCall>): Promise<void>
  close(): Promise<void>
}

export function walFile(files: Files, directory: string, origin: string): WalFile {
  const path = join(directory, 'wal')
  let file: LogFile | null = null
  let length = 0
  let current = -1
  return {
    get length() {
      return length
    },
    get first() {
      return current
    },
    async write(leaves, carried) {
      const buffers =
        carried === undefined
          ? leaves
          : [walRecordsFrame(carried.segment, carried.position, carried.records), ...leaves]
      let bytes = 0
      for (const buffer of buffers) bytes += buffer.length
      const at = length
      length += bytes
      await file!.writeSynced(buffers, at)
    },
    async begin(first, tail, open) {
      const start: WalStart = { v: 1, origin, first, asOf: first + tail.length, open: [...open] }
      const slab = openSlab()
      for (const [at, entry] of tail.entries()) writeWalFrame(slab, first + at, at, entry.toString('latin1'))
      const buffers = [walHead(start), ...slab.buffers()]
      const name = join(path, walName(first))
      const next = await files.open(`${name}.tmp`, 'create')
      await next.write(buffers, 0)
      await next.datasync()
      await files.rename(`${name}.tmp`, name)
      await files.syncDirectory(path)
      await next.close()
      await file?.close()
      file = await files.open(name, 'synced')
      current = first
      length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    },
    async close() {
      await file?.close()
      file = null
    },
  }
}
