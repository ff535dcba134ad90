import { dirname, join } from 'node:path'
import type { Files } from '../files/files.ts'
import { bundlePath, TILE_WIDTH, tilePath } from './tiles.ts'

/** Partial tiles that earlier runs left between two sizes, to be removed once newer checkpoints stand. */
export async function stalePartials(
  files: Files,
  directory: string,
  from: number,
  size: number,
): Promise<string[]> {
  const paths: string[] = []
  const collect = async (one: (index: number, width: number) => string, span: number) => {
    for (let index = Math.floor(from / span); index * span <= size; index += 1) {
      const folder = dirname(one(index, 1))
      for (const name of await files.list(join(directory, folder))) paths.push(`${folder}/${name}`)
    }
  }
  await collect(bundlePath, TILE_WIDTH)
  for (
    let level = 0, span = TILE_WIDTH;
    level === 0 || span <= size * TILE_WIDTH;
    level += 1, span *= TILE_WIDTH
  ) {
    await collect((index, width) => tilePath(level, index, width), span)
  }
  return paths
}
