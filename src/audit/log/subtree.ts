import { join } from 'node:path'
import type { Files } from '../files/files.ts'
import { readWhole } from '../files/whole.ts'
import { HASH_BYTES, TILE_WIDTH, tilePath } from './tiles.ts'
import { hashChildren, perfectRoot } from './tree.ts'

/** MTH of RFC 6962 section 2.1 over entries `from` to `to` (exclusive) of a tree. */
export type Subtree = (from: number, to: number) => Promise<Buffer>

/**
 * Subtrees of the published tree of `size` entries, from its tiles. `from` must be where RFC 6962 splits a tree.
 * @param tiles Kept between calls for one size.
 */
export function subtreeReader(
  files: Files,
  directory: string,
  size: number,
  tiles = new Map<string, Buffer>(),
): Subtree {
  return async function subtree(from: number, to: number): Promise<Buffer> {
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
}

/** A partial resource may have given way to a wider one: the log only grows. */
export async function readAtLeast(
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

/** The largest power of two below `count`; 1 for 1 and 2. */
export function largestPowerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}
