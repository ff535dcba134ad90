import type { Edit } from '../json/edit.ts'

/** Memory that is at hand already is written faster than new. */
const SCRATCH = new Uint8Array(65_536)

/**
 * The bytes that a JSON string means, for a string whose escapes the tokenizer has checked. `raw[start..end)` stands
 * between the quotes.
 */
export function meantBytes(raw: Uint8Array, start: number, end: number): Buffer {
  const length = end - start <= SCRATCH.length ? plainly(raw, start, end) : -1
  if (length >= 0) return Buffer.from(SCRATCH.subarray(0, length))
  const out = Buffer.allocUnsafe(end - start)
  let to = 0
  for (let from = start; from < end; ) {
    const c = raw[from]!
    if (c !== 0x5c) {
      out[to++] = c
      from++
      continue
    }
    const { code, length } = escapeAt(raw, from)
    from += length
    to = write(out, to, code)
  }
  return out.subarray(0, to)
}

/** The same into `SCRATCH`, for a string without `\u`: most have none. Returns the length, or -1. */
function plainly(raw: Uint8Array, start: number, end: number): number {
  let to = 0
  let from = start
  while (from < end) {
    const c = raw[from]!
    if (c !== 0x5c) {
      SCRATCH[to++] = c
      from++
      continue
    }
    const code = SIMPLE[raw[from + 1]!]!
    if (code === 0) return -1
    SCRATCH[to++] = code
    from += 2
  }
  return to
}

/** Edits of the meant bytes as edits of what stands in the raw ones. */
export function rawEdits(raw: Uint8Array, start: number, end: number, edits: readonly Edit[]): Edit[] {
  if (edits.length === 0) return []
  const borders = edits.flatMap(e => [e.start, e.end])
  const offsets = rawOffsets(raw, start, end, borders)
  return edits.map((e, i) => ({ ...e, start: offsets[2 * i]!, end: offsets[2 * i + 1]! }))
}

/**
 * Where offsets in the meant bytes stand in the raw ones; `offsets` ascending, each at the border of a character.
 */
function rawOffsets(raw: Uint8Array, start: number, end: number, offsets: readonly number[]): number[] {
  const found: number[] = []
  let meant = 0
  let from = start
  for (const offset of offsets) {
    while (meant < offset && from < end) {
      if (raw[from] !== 0x5c) {
        meant++
        from++
        continue
      }
      const { code, length } = escapeAt(raw, from)
      meant += bytesOf(code)
      from += length
    }
    found.push(from)
  }
  return found
}

/** By the letter behind the backslash; 0 for `u`. */
const SIMPLE = new Uint8Array(256)
for (const [letter, code] of [...'"/\\bfnrt'].map((c, i) => [
  c.charCodeAt(0),
  '"/\\\b\f\n\r\t'.charCodeAt(i),
])) {
  SIMPLE[letter!] = code!
}

function escapeAt(raw: Uint8Array, at: number): { code: number; length: number } {
  const kind = raw[at + 1]!
  if (kind !== 0x75) return { code: SIMPLE[kind]!, length: 2 }
  const unit = hex(raw, at + 2)
  if (unit < 0xd800 || unit > 0xdbff) return { code: unit, length: 6 }
  return { code: 0x10000 + (unit - 0xd800) * 0x400 + (hex(raw, at + 8) - 0xdc00), length: 12 }
}

function hex(raw: Uint8Array, at: number): number {
  let value = 0
  for (let i = at; i < at + 4; i++) {
    const c = raw[i]!
    value = value * 16 + (c <= 0x39 ? c - 0x30 : (c | 0x20) - 0x57)
  }
  return value
}

function bytesOf(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
}

function write(out: Buffer, at: number, code: number): number {
  if (code < 0x80) {
    out[at] = code
    return at + 1
  }
  return at + out.write(String.fromCodePoint(code), at, 'utf8')
}
