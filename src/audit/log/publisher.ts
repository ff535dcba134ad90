import { dirname, join } from 'node:path'
import type { Files } from '../files/files.ts'
import { replaceWhole, replaceWholeDurably } from '../files/whole.ts'
import { formatCheckpoint } from './checkpoint.ts'
import type { PublishedCheckpoint } from './contract.ts'
import type { NoteSigner } from './note.ts'
import { bundlePath, encodeBundle, TILE_WIDTH, tilePath } from './tiles.ts'
import { openTree, type TreeEdge } from './tree.ts'

/**
 * Turns durable entries into tiles and checkpoints. Tiles are written without a sync while a write-ahead file can
 * still restore them; `settle` syncs them before such a file is removed.
 */
export interface Publisher {
  readonly size: number
  /** Tiles that wait to be written; appends are held while there are too many. */
  readonly behind: boolean
  readonly published: PublishedCheckpoint | null
  integrate(leaf: Buffer): void
  /** Resolves when nothing waits to be written. */
  drained(): Promise<void>
  /** Checkpoint over all integrated entries, durable when it resolves. Calls run one after another. */
  publish(): Promise<PublishedCheckpoint>
  /** Makes all full tiles written so far durable. */
  settle(): Promise<void>
}

export interface PublisherStart {
  readonly edge: TreeEdge
  readonly tail: readonly Buffer[]
  readonly published: PublishedCheckpoint | null
  /** Partial tiles of earlier runs. */
  readonly stale: readonly string[]
}

const QUEUE_LIMIT = 256
/** Partial tiles of this many checkpoints are kept for readers that are a little behind. */
const PARTIALS_KEPT = 8

export function openPublisher(
  files: Files,
  directory: string,
  signer: NoteSigner,
  start: PublisherStart,
  onFailure: (error: unknown) => void,
): Publisher {
  let bundle: Buffer[] = []
  let published = start.published
  let chain: Promise<unknown> = Promise.resolve()
  const queue: { path: string; bytes: Buffer }[] = []
  let writing: Promise<void> | null = null
  const made = new Set<string>()
  let unsynced: string[] = []
  let settling: Promise<void> = Promise.resolve()
  const partials: (readonly string[])[] = [start.stale]

  const tree = openTree(start.edge, (level, index, hashes) => {
    enqueue(tilePath(level, index), hashes)
    if (level > 0) return
    enqueue(bundlePath(index), encodeBundle(bundle))
    bundle = []
  })
  for (const leaf of start.tail) integrate(leaf)

  function integrate(leaf: Buffer): void {
    bundle.push(leaf)
    tree.append(leaf)
  }

  function enqueue(path: string, bytes: Buffer): void {
    queue.push({ path, bytes })
    if (writing !== null) return
    writing = writeQueue()
    writing.catch(onFailure)
  }

  async function writeQueue(): Promise<void> {
    try {
      // A tile leaves the queue only when it is written, so that its length is the true backlog.
      for (let next = queue[0]; next !== undefined; next = queue[0]) {
        await put(next.path, next.bytes)
        unsynced.push(next.path)
        queue.shift()
      }
    } finally {
      writing = null // in the same turn as the last look at the queue, or a tile could be left behind
    }
  }

  async function put(path: string, bytes: Buffer): Promise<void> {
    const whole = join(directory, path)
    const parent = dirname(whole)
    if (!made.has(parent)) {
      await files.makeDirectory(parent, 0o755)
      if (made.size > 256) made.clear()
      made.add(parent)
    }
    await replaceWhole(files, whole, bytes)
  }

  async function drained(): Promise<void> {
    while (writing !== null) await writing
  }

  async function publishNow(): Promise<PublishedCheckpoint> {
    if (published !== null && published.size === tree.size) return published
    const size = tree.size
    const root = tree.root()
    const edge = tree.partials()
    const lastBundle = bundle.length === 0 ? null : encodeBundle(bundle)
    await drained()
    const paths: string[] = []
    if (lastBundle !== null) {
      const path = bundlePath(Math.floor(size / TILE_WIDTH), size % TILE_WIDTH)
      await put(path, lastBundle)
      paths.push(path)
    }
    for (const { level, index, hashes } of edge) {
      const path = tilePath(level, index, hashes.length / 32)
      await put(path, hashes)
      paths.push(path)
    }
    // Durable before anybody can have it: a root that was handed out must never be forgotten.
    const note = signer.sign(formatCheckpoint({ origin: signer.name, size, root }))
    await replaceWholeDurably(files, join(directory, 'checkpoint'), Buffer.from(note))
    published = { size, root, note }
    partials.push(paths)
    if (partials.length > PARTIALS_KEPT) await removePartials(partials.shift()!)
    return published
  }

  async function removePartials(paths: readonly string[]): Promise<void> {
    const wanted = new Set(partials.flat())
    for (const path of paths) {
      if (wanted.has(path)) continue
      await files.remove(join(directory, path)).catch(() => {})
      await files.removeDirectory(join(directory, dirname(path)))
      made.delete(join(directory, dirname(path)))
    }
  }

  async function settleNow(): Promise<void> {
    const paths = unsynced
    unsynced = []
    const directories = new Set<string>()
    for (const path of paths) {
      const whole = join(directory, path)
      const file = await files.open(whole, 'write')
      try {
        await file.datasync()
      } finally {
        await file.close()
      }
      for (let at = dirname(whole); at.length >= directory.length; at = dirname(at)) directories.add(at)
    }
    for (const path of directories) await files.syncDirectory(path)
  }

  return {
    get size() {
      return tree.size
    },
    get behind() {
      return queue.length > QUEUE_LIMIT
    },
    get published() {
      return published
    },
    integrate,
    drained,
    publish() {
      const result = chain.then(publishNow)
      chain = result.catch(() => {})
      return result
    },
    settle() {
      // One after another: who comes second is not done before what the first took is on the disk, nor if it failed.
      settling = settling.then(settleNow)
      return settling
    },
  }
}
