import type { MaskRule } from '../contract.ts'
import type { MaskedField } from './json-masker.ts'

/** One place of a text that is replaced. Edits of one text are in order and do not overlap. */
export interface Edit {
  /** Offsets in the bytes of the text. */
  readonly start: number
  readonly end: number
  /** Characters that need no escape in JSON, YAML or base64. */
  readonly replacement: string
  readonly rule: MaskRule
  /** Where it is: a JSON pointer, in which elements that have a unique name are `[name=…]` and `#` goes into a text. */
  readonly pointer: string
  /** Whether the original is base64 of the value. */
  readonly isBase64?: boolean
}

/** The text with its edits carried out. */
export function applyEdits(bytes: Uint8Array, edits: readonly Edit[]): Buffer {
  let length = bytes.length
  for (const edit of edits) length += edit.replacement.length - (edit.end - edit.start)
  const out = Buffer.allocUnsafe(length)
  let from = 0
  let to = 0
  for (const { start, end, replacement } of edits) {
    out.set(bytes.subarray(from, start), to)
    to += start - from
    to += out.write(replacement, to, 'latin1')
    from = end
  }
  out.set(bytes.subarray(from), to)
  return out
}

/** What was masked, for the record. `at`: where the text begins in the masked stream. */
export function fieldsOf(source: Buffer, edits: readonly Edit[], begins: number): MaskedField[] {
  let shift = begins
  return edits.map(({ start, end, replacement, rule, pointer, isBase64 }) => {
    const at = start + shift
    shift += replacement.length - (end - start)
    return { at, length: replacement.length, source, start, end, rule, pointer, isBase64: isBase64 === true }
  })
}

/** Places in order; where some overlap, the one that begins first, and longest, stands for all that they cover. */
export function withoutOverlaps<T extends { readonly start: number; readonly end: number }>(
  places: readonly T[],
): T[] {
  const kept: T[] = []
  for (const place of places.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = kept.at(-1)
    if (last === undefined || place.start >= last.end) kept.push(place)
    else if (place.end > last.end) kept[kept.length - 1] = { ...last, end: place.end }
  }
  return kept
}
