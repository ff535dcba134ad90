import { hash } from 'node:crypto'
import { HASH_BYTES, TILE_WIDTH } from './tiles.ts'

/** The right edge of an RFC 6962 tree, kept as the partial tile of each level. */
export interface Tree {
  readonly size: number
  /** Adds the entry's leaf hash; full tiles go to `onTile` at once. */
  append(entry: Uint8Array): void
  /** MTH of RFC 6962 section 2.1 over all entries so far. */
  root(): Buffer
  /** Copies of the tiles that are not full, lowest level first; empty ones left out. */
  partials(): { level: number; index: number; hashes: Buffer }[]
}

/** Hashes of the partial tile of each level at a size that is a multiple of 256; level 0 is empty there. */
export interface TreeEdge {
  readonly size: number
  readonly levels: readonly Buffer[]
}

export type OnTile = (level: number, index: number, hashes: Buffer) => void

interface Level {
  hashes: Buffer
  width: number
  index: number
}

export function openTree(edge: TreeEdge, onTile: OnTile): Tree {
  let size = edge.size
  const levels: Level[] = edge.levels.map((hashes, level) => {
    const width = hashes.length / HASH_BYTES
    const copy = Buffer.allocUnsafeSlow(TILE_WIDTH * HASH_BYTES)
    hashes.copy(copy)
    return { hashes: copy, width, index: Math.floor(size / TILE_WIDTH ** (level + 1)) }
  })
  // The prefix byte of RFC 6962 stands before the bytes in one scratch buffer, so that a hash is one call.
  let leaf = Buffer.allocUnsafeSlow(4096)

  function push(height: number, digest: Buffer): void {
    let level = levels[height]
    if (level === undefined) {
      level = { hashes: Buffer.allocUnsafeSlow(TILE_WIDTH * HASH_BYTES), width: 0, index: 0 }
      levels.push(level)
    }
    digest.copy(level.hashes, level.width * HASH_BYTES)
    level.width += 1
    if (level.width < TILE_WIDTH) return
    const full = level.hashes
    const index = level.index
    level.hashes = Buffer.allocUnsafeSlow(TILE_WIDTH * HASH_BYTES)
    level.width = 0
    level.index += 1
    onTile(height, index, full)
    push(height + 1, perfectRoot(full))
  }

  return {
    get size() {
      return size
    },
    append(entry) {
      if (entry.length + 1 > leaf.length) leaf = Buffer.allocUnsafeSlow(entry.length + 1)
      leaf[0] = 0
      leaf.set(entry, 1)
      push(0, hash('sha256', leaf.subarray(0, entry.length + 1), 'buffer'))
      size += 1
    },
    root() {
      return foldPeaks(levels.map(level => level.hashes.subarray(0, level.width * HASH_BYTES)))
    },
    partials() {
      return levels.flatMap(({ hashes, width, index }, level) =>
        width === 0 ? [] : [{ level, index, hashes: Buffer.from(hashes.subarray(0, width * HASH_BYTES)) }],
      )
    },
  }
}

/** Root over a tile's hashes when their number is a power of two. */
export function perfectRoot(hashes: Buffer): Buffer {
  let row = Buffer.from(hashes)
  const node = Buffer.allocUnsafeSlow(1 + 2 * HASH_BYTES)
  node[0] = 1
  while (row.length > HASH_BYTES) {
    for (let at = 0; at < row.length; at += 2 * HASH_BYTES) {
      row.copy(node, 1, at, at + 2 * HASH_BYTES)
      hash('sha256', node, 'buffer').copy(row, at / 2)
    }
    row = row.subarray(0, row.length / 2)
  }
  return Buffer.from(row)
}

export function hashChildren(left: Uint8Array, right: Uint8Array): Buffer {
  const node = Buffer.allocUnsafe(1 + 2 * HASH_BYTES)
  node[0] = 1
  node.set(left, 1)
  node.set(right, 1 + HASH_BYTES)
  return hash('sha256', node, 'buffer')
}

/** Each level's partial hashes are perfect subtrees to the right of all higher levels: fold them from the right. */
function foldPeaks(levels: readonly Buffer[]): Buffer {
  let root: Buffer | null = null
  for (const hashes of levels) {
    let end = hashes.length / HASH_BYTES
    // Within a level the largest power of two stands leftmost, so the bits are taken from the lowest up.
    for (let bit = 1; end > 0; bit *= 2) {
      if ((end & bit) === 0) continue
      const peak = perfectRoot(hashes.subarray((end - bit) * HASH_BYTES, end * HASH_BYTES))
      root = root === null ? peak : hashChildren(peak, root)
      end -= bit
    }
  }
  return root ?? hash('sha256', '', 'buffer')
}
