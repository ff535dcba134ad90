import { join } from 'node:path'
import type { Files } from '../files/files.ts'
import { readWhole } from '../files/whole.ts'
import { LogDamaged } from './damaged.ts'
import { HASH_BYTES, TILE_WIDTH, tilePath } from './tiles.ts'
import { perfectRoot, type TreeEdge } from './tree.ts'

/** The tree's right edge at a multiple of 256, from full tiles alone. */
export async function readEdge(files: Files, directory: string, size: number): Promise<TreeEdge> {
  const levels: Buffer[] = [Buffer.alloc(0)]
  for (
    let count = size / TILE_WIDTH, level = 1;
    count >= 1;
    count = Math.floor(count / TILE_WIDTH), level += 1
  ) {
    const width = count % TILE_WIDTH
    const hashes = Buffer.alloc(width * HASH_BYTES)
    for (let at = 0; at < width; at += 1) {
      const path = tilePath(level - 1, count - width + at)
      const tile = await readWhole(files, join(directory, path))
      if (tile === null || tile.length !== TILE_WIDTH * HASH_BYTES) {
        throw new LogDamaged('tile-missing', `${path} is ${tile === null ? 'missing' : 'not whole'}`)
      }
      perfectRoot(tile).copy(hashes, at * HASH_BYTES)
    }
    levels.push(hashes)
  }
  return { size, levels: size === 0 ? [] : levels }
}
