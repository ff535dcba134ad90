/** Paths of C2SP tlog-tiles v0.1. A tile holds 256 hashes; a bundle holds the entries below a level-0 tile. */
export const TILE_WIDTH = 256
export const HASH_BYTES = 32

/** @param width 256 for a full tile, less for a partial one. */
export function tilePath(level: number, index: number, width = TILE_WIDTH): string {
  return `tile/${level}/${numberPath(index)}${partial(width)}`
}

export function bundlePath(index: number, width = TILE_WIDTH): string {
  return `tile/entries/${numberPath(index)}${partial(width)}`
}

/** The number in groups of three digits, all but the last with a leading x: 1234067 is x001/x234/067. */
function numberPath(index: number): string {
  let path = String(index % 1000).padStart(3, '0')
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  }
  return path
}

function partial(width: number): string {
  return width === TILE_WIDTH ? '' : `.p/${width}`
}

/** Entries of a bundle: each with its length in two bytes, big-endian. */
export function encodeBundle(entries: readonly Buffer[]): Buffer {
  let length = 0
  for (const entry of entries) length += 2 + entry.length
  const bundle = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at)
    at += entry.copy(bundle, at)
  }
  return bundle
}

export function decodeBundle(bundle: Buffer): Buffer[] {
  const entries: Buffer[] = []
  let at = 0
  while (at < bundle.length) {
    if (at + 2 > bundle.length) throw new Error('a bundle ends within a length')
    const end = at + 2 + bundle.readUInt16BE(at)
    if (end > bundle.length) throw new Error('a bundle ends within an entry')
    entries.push(bundle.subarray(at + 2, end))
    at = end
  }
  return entries
}
