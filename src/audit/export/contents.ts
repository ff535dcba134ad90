import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import type { Files } from '../files/files.ts'
import { readWhole } from '../files/whole.ts'
import { parseCheckpoint } from '../log/checkpoint.ts'
import { openNote } from '../log/note.ts'
import { readAtLeast } from '../log/subtree.ts'
import { bundlePath, decodeBundle, encodeBundle, HASH_BYTES, TILE_WIDTH, tilePath } from '../log/tiles.ts'
import { segmentFirst } from '../segments/record.ts'
import { scanSegment } from '../segments/scan.ts'
import { COSIGNED, WITNESSES } from '../witnesses/cosigned.ts'
import { readme } from './readme.ts'
import type { ArchiveFile } from './tar.ts'

export interface ExportOptions {
  readonly files: Files
  /** Of the log; it may be written meanwhile. */
  readonly directory: string
  /** Verifier key of the log. */
  readonly vkey: string
  /** Heads and bodies too, encrypted as they are, with their wrapped keys. */
  readonly records: boolean
}

/**
 * Everything that an auditor needs, as of one checkpoint: the whole tree to it (a part could not be checked), the
 * cosigned checkpoints, the verifier as plain JavaScript, and how to use it. Never a secret.
 */
export async function* exportContents(options: ExportOptions): AsyncGenerator<ArchiveFile> {
  const { files, directory, vkey } = options
  // Before the checkpoint, which only grows: none of these may be newer.
  const cosigned = [
    ...(await filesIn(options, '', name => name === COSIGNED)),
    ...(await filesIn(options, WITNESSES)),
  ]
  const note = (await readWhole(files, join(directory, 'checkpoint')))?.toString()
  if (note === undefined) throw new Error(`${directory} holds no checkpoint`)
  const { origin, size } = parseCheckpoint(openNote(note, vkey))
  yield whole('README.md', readme(origin, size, cosigned.length > 0, options.records))
  yield whole('verify.mjs', verifier())
  yield whole('log/log.vkey', `${vkey}\n`)
  yield whole('log/checkpoint', note)
  yield* cosigned
  yield* tree(files, directory, size)
  if (!options.records) return
  yield* await filesIn(options, 'keys', name => /^(shown|sealed)-[0-9-]+\.json$/.test(name))
  for (const name of await files.list(join(directory, 'segments'))) {
    const first = segmentFirst(name)
    if (first >= 0 && first < size) yield await segment(options, name, origin, size)
  }
}

async function* tree(files: Files, directory: string, size: number): AsyncGenerator<ArchiveFile> {
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
    const bundle = await readAtLeast(files, directory, wide => bundlePath(index, wide), width)
    const entries = decodeBundle(bundle).slice(0, width)
    yield whole(`log/${bundlePath(index, width)}`, encodeBundle(entries))
  }
  for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = Math.floor(hashes / TILE_WIDTH)) {
    for (let index = 0; index * TILE_WIDTH < hashes; index += 1) {
      const width = Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH)
      const tile = await readAtLeast(files, directory, wide => tilePath(level, index, wide), width)
      yield whole(`log/${tilePath(level, index, width)}`, tile.subarray(0, width * HASH_BYTES))
    }
  }
}

async function filesIn(
  { files, directory }: ExportOptions,
  folder: string,
  wanted: (name: string) => boolean = name => /^[0-9a-f]+$/.test(name),
): Promise<ArchiveFile[]> {
  const found: ArchiveFile[] = []
  for (const name of await files.list(join(directory, folder))) {
    if (!wanted(name)) continue
    const bytes = await readWhole(files, join(directory, folder, name))
    if (bytes !== null) found.push(whole(['log', folder, name].filter(part => part !== '').join('/'), bytes))
  }
  return found
}

/** To its last whole record of an entry below `size`: the log may be writing behind it. */
async function segment(
  options: ExportOptions,
  name: string,
  origin: string,
  size: number,
): Promise<ArchiveFile> {
  const path = join(options.directory, 'segments', name)
  const file = await options.files.open(path, 'read')
  let bytes: number
  try {
    const scan = await scanSegment(file, origin)
    bytes = scan.position
    for (let record = await scan.next(); record !== null; record = await scan.next()) {
      if (record.readUInt32BE(8) * 0x1_0000_0000 + record.readUInt32BE(12) >= size) break
      bytes = scan.position
    }
  } finally {
    await file.close()
  }
  return { name: `log/segments/${name}`, bytes, content: pieces(options.files, path, bytes) }
}

async function* pieces(files: Files, path: string, bytes: number): AsyncGenerator<Buffer> {
  const file = await files.open(path, 'read')
  try {
    for (let at = 0; at < bytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(256 * 1024, bytes - at))
      const count = await file.read(piece, at)
      if (count === 0) return
      yield piece.subarray(0, count)
      at += count
    }
  } finally {
    await file.close()
  }
}

/** `verify.ts` without its types: an auditor's Node needs nothing else. */
function verifier(): string {
  const source = readFileSync(new URL('../verify.ts', import.meta.url), 'utf8')
  return stripTypeScriptTypes(source).replaceAll('node verify.ts', 'node verify.mjs')
}

function whole(name: string, content: string | Uint8Array): ArchiveFile {
  const bytes = Buffer.from(content)
  return { name, bytes: bytes.length, content: [bytes] }
}
