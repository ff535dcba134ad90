/** Shorter texts are not taken for base64: four letters are always valid base64 of something. */
const SHORTEST = 16

/**
 * Whether a text looks like base64 of text, JSON or gzip: then it is worth decoding. Digests, identifiers and keys in
 * binary form decode to noise, in which nothing can be found. `text[start..end)`, without white space.
 */
export function mayBeBase64(bytes: Uint8Array, start: number, end: number): boolean {
  let length = end - start
  if (length < SHORTEST) return false
  while (length > 0 && bytes[start + length - 1] === 0x3d) length--
  if (end - start - length > 2 || length % 4 === 1) return false
  // The first twelve letters tell nearly all: nine bytes that are text, or the head of gzip.
  let group = 0
  let printable = 0
  for (let i = 0; i < 12; i++) {
    const value = VALUES[bytes[start + i]!]!
    if (value < 0) return false
    group = ((group << 6) | value) & 0xffffff
    if (i % 4 !== 3) continue
    for (let shift = 16; shift >= 0; shift -= 8) if (TEXTUAL[(group >> shift) & 0xff] === 1) printable++
  }
  return printable === 9 || (bytes[start] === 0x48 && bytes[start + 1] === 0x34 && bytes[start + 2] === 0x73)
}

/** Null when it is none. Both alphabets; padding may be missing. */
export function fromBase64(bytes: Uint8Array, start: number, end: number): Buffer | null {
  for (let i = start; i < end; i++) {
    const c = bytes[i]!
    if (VALUES[c]! < 0 && !(c === 0x3d && i >= end - 2) && c !== 0x0a && c !== 0x0d) return null
  }
  return Buffer.from(
    Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'),
    'base64',
  )
}

const VALUES = new Int8Array(256).fill(-1)
const TEXTUAL = new Uint8Array(256)
for (let i = 0; i < 26; i++) {
  VALUES[0x41 + i] = i
  VALUES[0x61 + i] = 26 + i
}
for (let i = 0; i < 10; i++) VALUES[0x30 + i] = 52 + i
VALUES[0x2b] = VALUES[0x2d] = 62
VALUES[0x2f] = VALUES[0x5f] = 63
for (let c = 0x20; c < 0x7f; c++) TEXTUAL[c] = 1
TEXTUAL[0x09] = TEXTUAL[0x0a] = TEXTUAL[0x0d] = 1
// Letters beyond ASCII, as UTF-8 writes them.
for (let c = 0x80; c < 0xf5; c++) TEXTUAL[c] = 1
