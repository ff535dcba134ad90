import { dirname, join } from 'node:path'
import type { Files } from '../files/files.ts'
import { readWhole, replaceWholeSynced } from '../files/whole.ts'
import type { Leaf } from '../heads/leaf.ts'
import { recoverSegments, type SegmentEnd } from '../segments/recover.ts'
import { restoreRecords } from '../segments/restore.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { LogDamaged } from './damaged.ts'
import { readEdge } from './edge.ts'
import { openNote } from './note.ts'
import { bundlePath, encodeBundle, TILE_WIDTH, tilePath } from './tiles.ts'
import { openTree, type Tree, type TreeEdge } from './tree.ts'
import { type OpenCall, readWal, type WalContent, walFirst } from './wal.ts'

export interface Recovered {
  readonly size: number
  /** First entry that a write-ahead file held. */
  readonly first: number
  /** Tree at the last multiple of 256, and the entries since. */
  readonly edge: TreeEdge
  readonly tail: readonly Buffer[]
  readonly open: Map<string, OpenCall>
  readonly lastTime: string | null
  readonly clean: boolean
  readonly replayed: number
  readonly tornBytes: number
  readonly segmentEnd: SegmentEnd | null
  readonly segmentBytesDropped: number
  readonly checkpoint: { readonly size: number; readonly root: Buffer; readonly note: string } | null
}

/**
 * What the disk holds after whatever happened. Throws `LogDamaged` when durable data is missing or the recomputed
 * root is not the published one; leaves full tiles durable and orphaned records removed.
 */
export async function recover(
  files: Files,
  directory: string,
  origin: string,
  vkey: string,
): Promise<Recovered> {
  const published = await readCheckpoint(files, directory, origin, vkey)
  const wals = await readWals(files, directory, origin)
  const base = wals[0]
  if (base === undefined) {
    if (published !== null)
      throw new LogDamaged('wal-missing', 'there is a checkpoint but no write-ahead file')
    const { end } = await recoverSegments(files, directory, origin, 0, -1)
    return {
      first: 0,
      size: 0,
      edge: { size: 0, levels: [] },
      tail: [],
      open: new Map(),
      lastTime: null,
      clean: true,
      replayed: 0,
      tornBytes: 0,
      segmentEnd: end,
      segmentBytesDropped: 0,
      checkpoint: null,
    }
  }
  const first = base.start.first
  const entries = joinEntries(wals)
  const size = first + entries.length
  const { tiles, tree } = await replay(files, directory, first, entries, published)
  await writeTiles(files, directory, tiles)
  const leaves = entries.map((bytes, at) => readLeaf(bytes, first + at))
  await restoreRecords(
    files,
    directory,
    wals.flatMap((wal, at) => wal.records.map(records => ({ ...records, until: ownedUntil(wals, at) }))),
  )
  const segments = await recoverSegments(files, directory, origin, size, lastWithRecords(leaves))
  const edgeSize = size - (size % TILE_WIDTH)
  const levels = edgeLevels(tree)
  return {
    first,
    size,
    edge: { size: edgeSize, levels },
    tail: entries.slice(edgeSize - first),
    open: openCalls(base, leaves),
    lastTime: leaves.at(-1)?.time ?? null,
    clean: leaves.length === 0 || leaves.at(-1)!.kind === 'log.stop',
    replayed: entries.length,
    tornBytes: wals.reduce((sum, wal) => sum + wal.tornBytes, 0),
    segmentEnd: segments.end,
    segmentBytesDropped: segments.dropped,
    checkpoint: published,
  }
}

async function readCheckpoint(files: Files, directory: string, origin: string, vkey: string) {
  const note = (await readWhole(files, join(directory, 'checkpoint')))?.toString() ?? null
  if (note === null) return null
  let checkpoint: Checkpoint
  try {
    checkpoint = parseCheckpoint(openNote(note, vkey))
  } catch (error) {
    throw new LogDamaged('checkpoint', `the stored checkpoint cannot be used: ${(error as Error).message}`)
  }
  if (checkpoint.origin !== origin) {
    throw new LogDamaged('origin', `this is the log ${checkpoint.origin}, not ${origin}`)
  }
  return { size: checkpoint.size, root: checkpoint.root, note }
}

async function readWals(files: Files, directory: string, origin: string) {
  const wals: (WalContent & { name: string })[] = []
  for (const name of await files.list(join(directory, 'wal'))) {
    if (walFirst(name) < 0) continue // a temporary file of a rotation that did not happen
    const bytes = await readWhole(files, join(directory, 'wal', name))
    try {
      wals.push({ ...readWal(bytes!, origin, name), name })
    } catch (error) {
      throw new LogDamaged('wal', (error as Error).message)
    }
  }
  return wals
}

/** Entries of a file from here on never became durable, or were written anew into a later file after a crash. */
function ownedUntil(wals: readonly WalContent[], at: number): number {
  const { start, entries } = wals[at]!
  return Math.min(start.first + entries.length, ...wals.slice(at + 1).map(later => later.start.asOf))
}

/** A newer file repeats the entries since its first; both must say the same. */
function joinEntries(wals: readonly (WalContent & { name: string })[]): Buffer[] {
  const first = wals[0]!.start.first
  const entries: Buffer[] = []
  for (const wal of wals) {
    if (wal.start.first > first + entries.length) {
      throw new LogDamaged(
        'wal-gap',
        `entries ${first + entries.length} to ${wal.start.first - 1} are in no write-ahead file`,
      )
    }
    for (const { seq, bytes } of wal.entries) {
      const known = entries[seq - first]
      if (known === undefined) entries.push(bytes)
      else if (!known.equals(bytes)) {
        throw new LogDamaged('wal-fork', `two write-ahead files hold different entries ${seq}`)
      }
    }
  }
  return entries
}

async function replay(
  files: Files,
  directory: string,
  first: number,
  entries: readonly Buffer[],
  published: { readonly size: number; readonly root: Buffer } | null,
): Promise<{ tree: Tree; tiles: Map<string, Buffer> }> {
  const size = first + entries.length
  if (published !== null && (published.size < first || published.size > size)) {
    throw new LogDamaged(
      'checkpoint-size',
      `the checkpoint was published at ${published.size} entries, the write-ahead file holds ${first} to ${size}`,
    )
  }
  if (published === null && first > 0) throw new LogDamaged('checkpoint', 'the checkpoint is missing')
  const tiles = new Map<string, Buffer>()
  const tree = openTree(await readEdge(files, directory, first), (level, index, hashes) => {
    tiles.set(tilePath(level, index), hashes)
    if (level > 0) return
    const from = index * TILE_WIDTH - first
    tiles.set(bundlePath(index), encodeBundle(entries.slice(from, from + TILE_WIDTH)))
  })
  compareRoot(tree, published)
  for (const entry of entries) {
    tree.append(entry)
    compareRoot(tree, published)
  }
  return { tree, tiles }
}

function compareRoot(tree: Tree, published: { readonly size: number; readonly root: Buffer } | null): void {
  if (published === null || tree.size !== published.size) return
  const root = tree.root()
  if (root.equals(published.root)) return
  throw new LogDamaged(
    'root',
    `the root over ${tree.size} entries is ${root.toString('base64')}, the published checkpoint says ` +
      `${published.root.toString('base64')}; the log is not continued`,
  )
}

/** Full tiles written before the crash may be torn or absent: only the write-ahead file was synced. */
async function writeTiles(
  files: Files,
  directory: string,
  tiles: ReadonlyMap<string, Buffer>,
): Promise<void> {
  const directories = new Set<string>()
  for (const [path, bytes] of tiles) {
    const whole = join(directory, path)
    await files.makeDirectory(dirname(whole), 0o755)
    await replaceWholeSynced(files, whole, bytes)
    for (let at = dirname(whole); at.length >= directory.length; at = dirname(at)) directories.add(at)
  }
  for (const path of directories) await files.syncDirectory(path)
}

function edgeLevels(tree: Tree): Buffer[] {
  const levels: Buffer[] = []
  for (const { level, hashes } of tree.partials()) {
    while (levels.length < level) levels.push(Buffer.alloc(0))
    levels[level] = level === 0 ? Buffer.alloc(0) : hashes
  }
  return levels
}

function readLeaf(bytes: Buffer, seq: number): Leaf {
  const leaf = JSON.parse(bytes.toString('latin1')) as Leaf
  if (leaf.v !== 1 || leaf.seq !== seq)
    throw new LogDamaged('leaf', `entry ${seq} is not a leaf of version 1`)
  return leaf
}

function lastWithRecords(leaves: readonly Leaf[]): number {
  const last = leaves.findLast(leaf => leaf.head ?? leaf.request ?? leaf.response)
  return last?.seq ?? -1
}

function openCalls(base: WalContent, leaves: readonly Leaf[]): Map<string, OpenCall> {
  const open = new Map(base.start.open.map(call => [call.call, call]))
  for (const leaf of leaves) {
    if (leaf.seq >= base.start.asOf) trackCall(open, leaf)
  }
  return open
}

/** Keeps the set of calls that have an intent and no outcome yet. */
export function trackCall(
  open: Map<string, OpenCall>,
  leaf: {
    readonly call: string
    readonly kind: string
    readonly phase: string
    readonly session?: string | null
  },
): void {
  if (leaf.phase === 'intent') {
    open.set(leaf.call, { call: leaf.call, kind: leaf.kind, session: leaf.session ?? null, frames: 0 })
  } else if (leaf.phase === 'outcome') open.delete(leaf.call)
  else if (leaf.phase === 'frame') {
    const call = open.get(leaf.call)
    if (call !== undefined) open.set(leaf.call, { ...call, frames: call.frames + 1 })
  }
}
