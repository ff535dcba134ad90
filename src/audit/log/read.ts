import { join } from 'node:path'
import type { Files } from '../files/files.ts'
import { readWhole } from '../files/whole.ts'
import { bundlePath, decodeBundle, HASH_BYTES, TILE_WIDTH, tilePath } from './tiles.ts'
import { hashChildren, perfectRoot } from './tree.ts'

/** Reading a published log. A partial resource may have given way to a wider one: the log only grows. */
async function readAtLeast(
  files: Files,
  directory: string,
  path: (width: number) => string,
  width: number,
): Promise<Buffer> {
  const names = [path(width), path(TILE_WIDTH)]
  const folder = `${path(TILE_WIDTH)}.p`
  for (const name of await files.list(join(directory, folder))) {
    if (Number(name) > width) names.push(`${folder}/${name}`)
  }
  for (const name of names) {
    const bytes = await readWhole(files, join(directory, name))
    if (bytes !== null) return bytes
  }
  throw new Error(`${path(width)} is missing`)
}

/** Leaves from `from` on, at most to the end of its bundle and below `size`. */
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

  async function subtree(from: number, to: number): Promise<Buffer> {
    const span = to - from
    const split = largestPowerBelow(span)
    if (split * 2 !== span && span > 1) {
      return hashChildren(await subtree(from, from + split), await subtree(from + split, to))
    }
    const height = Math.log2(span)
    const level = Math.floor(height / 8)
    const unit = TILE_WIDTH ** level
    const tile = Math.floor(from / (unit * TILE_WIDTH))
    const width = Math.min(TILE_WIDTH, Math.floor(size / unit) - tile * TILE_WIDTH)
    const name = tilePath(level, tile)
    const hashes =
      tiles.get(name) ?? (await readAtLeast(files, directory, wide => tilePath(level, tile, wide), width))
    tiles.set(name, hashes)
    const start = from / unit - tile * TILE_WIDTH
    return perfectRoot(hashes.subarray(start * HASH_BYTES, (start + span / unit) * HASH_BYTES))
  }

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

/** The largest power of two below `count`; 1 for 1 and 2. */
function largestPowerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}
