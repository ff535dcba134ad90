import { gzipSync } from 'node:zlib'
import { fromBase64 } from '../layers/base64.ts'
import { gunzip } from '../layers/mask-string.ts'
import { mayHoldPlaceholder, NUMBER_PLACEHOLDER } from '../placeholder.ts'

/** How gzip begins in base64, and in base64 of base64. No placeholder can be seen in such a text. */
const MARKS: readonly Buffer[] = [Buffer.from('H4sI'), Buffer.from('SDRzS')]

/** Whether a text may hold gzip in base64, once or twice encoded. Never false when it does. */
export function mayBePacked(bytes: Buffer): boolean {
  return MARKS.some(mark => bytes.includes(mark))
}

export interface Packed {
  readonly plain: Buffer
  /** Another content in the same layers. */
  pack(plain: Buffer): string
}

/** Opens base64 of gzip, or base64 of base64 of gzip as Helm keeps a release. Null when it is neither. */
export function unpack(text: string): Packed | null {
  if (!/^(?:H4sI|SDRzS)/.test(text)) return null
  const isTwice = text.startsWith('SDRzS')
  const once = isTwice ? Buffer.from(text, 'base64') : Buffer.from(text)
  const packed = fromBase64(once, 0, once.length)
  const plain = packed === null ? null : gunzip(packed)
  if (plain === null) return null
  return {
    plain,
    pack(content) {
      const encoded = gzipSync(content).toString('base64')
      return isTwice ? Buffer.from(encoded).toString('base64') : encoded
    },
  }
}

/** Whether a text holds a placeholder, in sight, in base64, or packed. */
export function mayHoldAnywhere(text: string): boolean {
  const bytes = Buffer.from(text)
  if (mayHoldPlaceholder(bytes)) return true
  const packed = mayBePacked(bytes) ? unpack(text) : null
  return packed !== null && mayHoldPlaceholder(packed.plain)
}

/** Whether JSON in a text, as it is or packed, holds what may be a masked number. */
export function mayHoldNumber(text: string): boolean {
  if (text.includes(NUMBER_PLACEHOLDER)) return true
  return unpack(text)?.plain.includes(NUMBER_PLACEHOLDER) ?? false
}
