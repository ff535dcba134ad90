/**
 * Bytes that a terminal does not show and that may stand between the letters of a secret: escape sequences (ECMA-48),
 * other control characters but tab and line ends, and in UTF-8 soft hyphens, joiners, zero-width blanks, marks of
 * direction, byte-order marks and the variation selectors. Texts are bytes as latin1.
 */
const HIDING =
  /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|$)|\xc2[\x80-\x9f\xad]|\xcd\x8f|\xd8\x9c|\xe1\xa0[\x8b-\x8f]|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xb8[\x80-\x8f]|\xef\xbb\xbf|\xf3\xa0[\x80-\x87][\x80-\xbf]/
const HIDDEN =
  /\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b[\]PX^_][^\x07\x1b\n]{0,1024}(?:\x07|\x1b\\)|\x1b[ -/]{1,4}[0-~]|\x1b[0-~]|\xc2\x9b[0-?]{0,64}[ -/]{0,8}[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|$)|\xc2[\x80-\x9f\xad]|\xcd\x8f|\xd8\x9c|\xe1\xa0[\x8b-\x8f]|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xb8[\x80-\x8f]|\xef\xbb\xbf|\xf3\xa0[\x80-\x87][\x80-\xbf]/g
/** All letters that `HIDING` knows, and more: one class is searched for much faster. */
const UNUSUAL = /[\x00-\x08\x0b-\x1f\x7f-\xff]/
const ERASED = /[\x08\x7f]/

/** A text as it may be read, and where its letters are in the raw one. */
export interface View {
  readonly text: string
  /** Raw offset of each letter; null when they are the same. */
  readonly offsets: Int32Array | null
}

export function hasHidden(text: string): boolean {
  return UNUSUAL.test(text) && HIDING.test(text)
}

/** The text itself, without what is hidden, and with what backspaces erase gone. */
export function viewsOf(text: string): readonly View[] {
  const raw: View = { text, offsets: null }
  if (!hasHidden(text)) return [raw]
  const views = [raw, without(text, false)]
  if (ERASED.test(text)) views.push(without(text, true))
  return views
}

function without(text: string, erase: boolean): View {
  const letters: string[] = []
  const offsets = new Int32Array(text.length)
  let length = 0
  let at = 0
  let lineStart = 0
  const keep = (until: number) => {
    if (!erase) {
      if (until > at) letters.push(text.slice(at, until))
      for (; at < until; at++) offsets[length++] = at
      return
    }
    for (; at < until; at++) {
      letters.length = length
      letters.push(text[at]!)
      offsets[length++] = at
      if (text[at] === '\n') lineStart = length
    }
  }
  for (const hidden of text.matchAll(HIDDEN)) {
    keep(hidden.index)
    at = hidden.index + hidden[0].length
    if (erase && ERASED.test(hidden[0]) && length > lineStart) length--
  }
  keep(text.length)
  if (erase) letters.length = length
  return { text: letters.join(''), offsets: offsets.subarray(0, length) }
}

export function rawOffset(view: View, at: number): number {
  return view.offsets === null ? at : (view.offsets[at] ?? (view.offsets.at(-1) ?? -1) + 1)
}

/** The raw range from the first letter to the last; what is hidden before and after stays. */
export function rawRange(view: View, start: number, end: number): readonly [number, number] {
  return view.offsets === null ? [start, end] : [view.offsets[start]!, view.offsets[end - 1]! + 1]
}
