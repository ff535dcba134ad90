/** Archives in the form of POSIX.1-2001 ustar, which every tar reads. Written as a stream; nothing is kept. */
export interface ArchiveFile {
  /** Relative, ASCII, at most 255 characters. */
  readonly name: string
  /** Must be exact. */
  readonly bytes: number
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

const BLOCK = 512

/** @param time Of all files; milliseconds since the epoch. */
export async function* tarOf(files: AsyncIterable<ArchiveFile>, time: number): AsyncGenerator<Uint8Array> {
  for await (const { name, bytes, content } of files) {
    yield header(name, bytes, time)
    let written = 0
    for await (const chunk of content) {
      written += chunk.length
      yield chunk
    }
    if (written !== bytes) throw new Error(`${name} has ${written} bytes and not ${bytes}`)
    if (bytes % BLOCK !== 0) yield Buffer.alloc(BLOCK - (bytes % BLOCK))
  }
  yield Buffer.alloc(2 * BLOCK)
}

function header(path: string, bytes: number, time: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const [prefix, name] = splitName(path)
  block.write(name, 0, 100, 'latin1')
  block.write(octal(0o644, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  writeSize(block, bytes)
  block.write(octal(Math.floor(time / 1000), 11), 136)
  block.write(' '.repeat(8), 148)
  block.write('0', 156)
  block.write('ustar\u000000', 257, 'latin1')
  block.write(prefix, 345, 155, 'latin1')
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${octal(sum, 6)}\u0000 `, 148, 'latin1')
  return block
}

/** Eleven octal digits hold 8 GiB; what is larger is written in binary, as GNU and BSD tar read it. */
function writeSize(block: Buffer, bytes: number): void {
  if (bytes < 8 ** 11) {
    block.write(octal(bytes, 11), 124)
    return
  }
  block[124] = 0x80
  block.writeBigUInt64BE(BigInt(bytes), 128)
}

function splitName(path: string): [prefix: string, name: string] {
  if (!/^[\x21-\x7e]+$/.test(path)) throw new Error('a name in an archive is plain ASCII')
  if (path.length <= 100) return ['', path]
  const at = path.indexOf('/', path.length - 101)
  if (at < 0 || at > 155) throw new Error(`the name ${path} is too long for an archive`)
  return [path.slice(0, at), path.slice(at + 1)]
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}
