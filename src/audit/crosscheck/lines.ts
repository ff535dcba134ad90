import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** Bytes of one line; an audit event with bodies stays below what the API server itself can take. */
export const LONGEST_LINE = 16 * 1024 * 1024

export interface Line {
  /** Null for a line that is too long to be read. */
  readonly text: string | null
  /** From 1. */
  readonly number: number
  /** False for the last line of a file that is still being written. */
  readonly complete: boolean
}

/**
 * Lines of a file (`-`: of `stdin`), unpacked when it begins as gzip does (RFC 1952). Holds one line in memory. Rejects
 * when the file cannot be read or is damaged.
 */
export async function* linesOf(file: string, stdin: Readable): AsyncGenerator<Line> {
  const source = file === '-' ? stdin : createReadStream(file, { highWaterMark: 256 * 1024 })
  let pieces: Buffer[] = []
  let bytes = 0
  let number = 0
  const line = (complete: boolean): Line => {
    const text = bytes > LONGEST_LINE ? null : Buffer.concat(pieces).toString('utf8')
    pieces = []
    bytes = 0
    number += 1
    return { text, number, complete }
  }
  for await (const chunk of unpacked(source)) {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, at))
      yield line(true)
      from = at + 1
    }
    keep(chunk.subarray(from))
  }
  if (bytes > 0) yield line(false)

  function keep(piece: Buffer): void {
    bytes += piece.length
    if (bytes <= LONGEST_LINE) pieces.push(piece)
    else pieces = []
  }
}

async function* unpacked(source: Readable): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>
  const head: Buffer[] = []
  let length = 0
  while (length < 2) {
    const next = await iterator.next()
    if (next.done === true) break
    const chunk = Buffer.from(next.value)
    head.push(chunk)
    length += chunk.length
  }
  const first = Buffer.concat(head)
  async function* whole(): AsyncGenerator<Buffer> {
    if (first.length > 0) yield first
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      yield Buffer.from(next.value)
    }
  }
  if (first[0] !== 0x1f || first[1] !== 0x8b) {
    yield* whole()
    return
  }
  const gunzip = createGunzip()
  const { pipeline } = await import('node:stream/promises')
  const done = pipeline(whole(), gunzip)
  done.catch(() => {})
  yield* gunzip as AsyncIterable<Buffer>
  await done
}
