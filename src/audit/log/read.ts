import type { Files } from '../files/files.ts'
import { largestPowerBelow, readAtLeast, subtreeReader } from './subtree.ts'
import { bundlePath, decodeBundle, TILE_WIDTH } from './tiles.ts'
import { hashChildren } from './tree.ts'

/** Leaves of a published log from `from` on, at most to the end of its bundle and below `size`. */
export async function readLeaves(
  files: Files,
  directory: string,
  from: number,
  size: number,
): Promise<Buffer[]> {
  const index = Math.floor(from / TILE_WIDTH)
  const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
  const bundle = await readAtLeast(files, directory, wide => bundlePath(index, wide), width)
  const leaves = decodeBundle(bundle)
  // Whoever reads on from what came would otherwise read the same place for ever.
  if (leaves.length < width)
    throw new Error(`${bundlePath(index, width)} holds ${leaves.length} entries only`)
  return leaves.slice(from % TILE_WIDTH, width)
}

/** Audit path of RFC 6962 section 2.1.1, leaf to root. @param tiles Kept between proofs of one size. */
export async function inclusionProof(
  files: Files,
  directory: string,
  index: number,
  size: number,
  tiles = new Map<string, Buffer>(),
): Promise<Buffer[]> {
  if (index < 0 || index >= size) throw new RangeError('the entry is not in this checkpoint')

  const subtree = subtreeReader(files, directory, size, tiles)
  const path: Buffer[] = []
  let from = 0
  let to = size
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from)
    if (index < middle) {
      path.unshift(await subtree(middle, to))
      to = middle
    } else {
      path.unshift(await subtree(from, middle))
      from = middle
    }
  }
  return path
}

/** Root that a leaf hash and its audit path lead to. */
export function rootFromProof(
  leafHash: Buffer,
  index: number,
  size: number,
  path: readonly Buffer[],
): Buffer {
  let root = leafHash
  let at = 0
  const climb = (from: number, to: number): void => {
    if (to - from === 1) return
    const middle = from + largestPowerBelow(to - from)
    if (index < middle) climb(from, middle)
    else climb(middle, to)
    const sibling = path[at]
    at += 1
    if (sibling === undefined) throw new RangeError('the audit path is too short')
    root = index < middle ? hashChildren(root, sibling) : hashChildren(sibling, root)
  }
  climb(0, size)
  if (at !== path.length) throw new RangeError('the audit path is too long')
  return root
}
