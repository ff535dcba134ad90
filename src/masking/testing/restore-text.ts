import type { TextEdit } from '../text/text-output.ts'

/** The bytes before masking, from all that a masker gave. Throws RangeError when the edits do not fit the bytes. */
export function restoreText(masked: Uint8Array, edits: readonly TextEdit[]): Buffer {
  const parts: Uint8Array[] = []
  let at = 0
  for (const edit of edits) {
    if (edit.at < at || edit.at + edit.length > masked.length) throw new RangeError('an edit is out of order')
    parts.push(masked.subarray(at, edit.at), edit.original)
    at = edit.at + edit.length
  }
  parts.push(masked.subarray(at))
  return Buffer.concat(parts)
}
