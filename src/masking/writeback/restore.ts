import { type JsonDocument, type Node, NUMBER } from '../../kubernetes/json/document.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { applyReplacements, type Replacement } from '../../kubernetes/json/replacements.ts'
import { canonical } from '../json/canonical.ts'
import { escapeSegment } from '../json/names.ts'
import { fromBase64 } from '../layers/base64.ts'
import { findPlaceholders, mayHoldPlaceholder, NUMBER_PLACEHOLDER } from '../placeholder.ts'
import { type Atlas, elementsOf, labelOf, membersOf } from './atlas.ts'
import { mayHoldAnywhere, mayHoldNumber, unpack } from './packed.ts'

/** A placeholder that does not belong where it was written. */
export interface Misplaced {
  readonly misplaced: string
}

/** What is packed can be larger than the body that it comes in. */
const UNPACKED = { maximumBytes: 32 * 1024 * 1024, maximumDepth: 200, maximumTokens: 4_000_000 }

/**
 * Finds the placeholders below a value of a request and what belongs there. `place` is where the value stands in the
 * object. Returns the first one that does not belong: then nothing is sent.
 */
export function restoreValue(
  document: JsonDocument,
  node: Node,
  place: string,
  atlas: Atlas,
  found: Replacement[],
): Misplaced | null {
  if (document.isObject(node)) {
    for (const { name, value } of membersOf(document, node)) {
      if (findPlaceholders(name).length > 0) return { misplaced: `${place}/${name.slice(0, 100)}` }
      const fault = restoreValue(document, value, `${place}/${escapeSegment(name)}`, atlas, found)
      if (fault !== null) return fault
    }
    return null
  }
  if (document.isArray(node)) {
    for (const [i, element] of elementsOf(document, node).entries()) {
      const fault = restoreValue(document, element, `${place}/${labelOf(document, element, i)}`, atlas, found)
      if (fault !== null) return fault
    }
    return null
  }
  if (document.kind(node) === NUMBER) {
    if (document.numberText(node) !== NUMBER_PLACEHOLDER) return null
    const masking = atlas.at(canonical(place)).find(m => m.isNumber)
    // The number may be meant as one where nothing is masked.
    if (masking === undefined) return null
    if (masking.real === null) return { misplaced: place }
    found.push({ start: document.offset(node), end: document.end(node), text: masking.real })
    return null
  }
  const text = document.text(node)
  if (text === undefined || !(mayHoldAnywhere(text) || mayHoldNumber(text))) return null
  const restored = restoreText(text, place, atlas)
  if (restored === null) return { misplaced: place }
  if (restored !== text) {
    found.push({
      start: document.offset(node),
      end: document.end(node) - 1,
      text: JSON.stringify(restored).slice(1, -1),
    })
  }
  return null
}

/**
 * The text with what its placeholders stand for; null when one does not belong there. A text that is as it was seen is what
 * is there. Of a changed one, lines with placeholders must be as they were seen: a placeholder in other words would
 * carry a secret to where somebody wants it.
 */
export function restoreText(text: string, place: string, atlas: Atlas): string | null {
  const maskings = atlas.at(canonical(place))
  const whole = maskings.find(masking => masking.seen === text)
  if (whole !== undefined) return whole.real
  const packed = unpack(text)
  if (packed !== null || /^\s*[{[]/.test(text)) {
    const inner = restoreJson(packed?.plain ?? Buffer.from(text), place, atlas)
    if (inner !== undefined) return inner === null ? null : (packed?.pack(inner) ?? inner.toString())
  }
  if (findPlaceholders(text).length === 0) {
    // In base64, or in pieces: only what is as it was seen could be restored.
    return isHidden(text) ? null : text
  }
  for (const { seen, real } of maskings) {
    const restored = real === null ? null : restoreLines(text, seen, real)
    if (restored !== null) return restored
  }
  return null
}

/** JSON within a string, such as last-applied or a Helm release: place by place. Undefined when it is none. */
function restoreJson(bytes: Buffer, place: string, atlas: Atlas): Buffer | null | undefined {
  const document = readJson(bytes, UNPACKED)
  if ('refused' in document) return undefined
  const found: Replacement[] = []
  if (restoreValue(document, 0, `${place}#`, atlas, found) !== null) return null
  return applyReplacements(bytes, found)
}

function isHidden(text: string): boolean {
  const bytes = Buffer.from(text)
  const plain = fromBase64(bytes, 0, bytes.length)
  return (plain !== null && mayHoldPlaceholder(plain)) || mayHoldAnywhere(text)
}

/** Line by line. Null when a line with a placeholder was not seen so. */
function restoreLines(text: string, seen: string, real: string): string | null {
  const known = realLines(seen, real)
  if (known === null) return null
  const lines = text.split('\n').map(line => {
    if (findPlaceholders(line).length === 0) return line
    return known.get(line) ?? null
  })
  return lines.includes(null) ? null : lines.join('\n')
}

/**
 * What each line with placeholders of the masked text stands for. The texts between placeholders are the same in both, so
 * they are the borders of what is hidden; where these are not plain, nothing is known.
 */
export function realLines(seen: string, real: string): Map<string, string> | null {
  const lines = new Map<string, string>()
  let from = 0
  const all = seen.split('\n')
  for (const [i, line] of all.entries()) {
    const isLast = i === all.length - 1
    const marks = findPlaceholders(line)
    if (marks.length === 0) {
      const whole = isLast ? line : `${line}\n`
      if (!real.startsWith(whole, from)) return null
      from += whole.length
      continue
    }
    const start = from
    let at = 0
    for (const [n, mark] of marks.entries()) {
      const before = line.slice(at, mark.start)
      if (!real.startsWith(before, from)) return null
      from += before.length
      const rest = line.slice(mark.end, marks[n + 1]?.start ?? line.length)
      const next = n === marks.length - 1 && !isLast ? `${rest}\n${all[i + 1]!.split('sallyport')[0]}` : rest
      const end = next === '' ? (isLast ? real.length : real.indexOf('\n', from)) : real.indexOf(next, from)
      if (end < 0) return null
      from = end
      at = mark.end
    }
    const tail = line.slice(at)
    if (!real.startsWith(tail, from)) return null
    from += tail.length
    const value = real.slice(start, from)
    const known = lines.get(line)
    if (known !== undefined && known !== value) return null
    lines.set(line, value)
    if (!isLast) {
      if (real[from] !== '\n') return null
      from++
    }
  }
  return from === real.length ? lines : null
}
