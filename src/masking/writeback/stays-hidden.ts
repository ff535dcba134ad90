import { type JsonDocument, type Node, NUMBER } from '../../kubernetes/json/document.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { escapeSegment } from '../json/names.ts'
import { fromBase64 } from '../layers/base64.ts'
import { findPlaceholders, mayHoldPlaceholder } from '../placeholder.ts'
import { elementsOf, innerOf, membersOf } from './atlas.ts'
import { mayHoldAnywhere } from './packed.ts'

const LIMITS = { maximumBytes: 32 * 1024 * 1024, maximumDepth: 200, maximumTokens: 4_000_000 }

/**
 * Whether what was restored in a write is hidden again from whoever reads it. A rule may hold for a value because of what
 * stands around it, such as the kind of a manifest in a text; who changes that while the placeholder stays would
 * uncover the value. Returns the first place where more would be seen than was written; null when there is none.
 *
 * @param masked What the writer would read back of `restored`.
 */
export function uncovered(written: Uint8Array, restored: Buffer, masked: Buffer): string | null {
  const w = readJson(written, LIMITS)
  const r = readJson(restored, LIMITS)
  const m = readJson(masked, LIMITS)
  if ('refused' in w || 'refused' in r || 'refused' in m) return ''
  return compare({ document: w, node: 0 }, { document: r, node: 0 }, { document: m, node: 0 }, '')
}

interface At {
  readonly document: JsonDocument
  readonly node: Node
}

function compare(w: At, r: At, m: At, place: string): string | null {
  if (r.document.isObject(r.node)) {
    const members = membersOf(r.document, r.node)
    // A member that the view leaves out is not seen; but a masked name does not hide what stands beside it.
    const isComplete = membersOf(m.document, m.node).length >= members.length
    for (const { name, value } of members) {
      const before = w.document.member(w.node, name)
      if (before === undefined) continue
      const seen = m.document.member(m.node, name)
      const at = `${place}/${escapeSegment(name)}`
      if (seen === undefined) {
        if (isComplete) return at
        continue
      }
      const fault = compare(
        { document: w.document, node: before },
        { document: r.document, node: value },
        { document: m.document, node: seen },
        at,
      )
      if (fault !== null) return fault
    }
    return null
  }
  if (r.document.isArray(r.node)) {
    const before = elementsOf(w.document, w.node)
    const seen = elementsOf(m.document, m.node)
    for (const [i, node] of elementsOf(r.document, r.node).entries()) {
      // What was put in stands at the end.
      if (before[i] === undefined) continue
      if (seen[i] === undefined) return `${place}/${i}`
      const fault = compare(
        { document: w.document, node: before[i] },
        { document: r.document, node },
        { document: m.document, node: seen[i] },
        `${place}/${i}`,
      )
      if (fault !== null) return fault
    }
    return null
  }
  if (r.document.kind(r.node) === NUMBER) {
    const number = r.document.numberText(r.node)
    const isRestored = w.document.kind(w.node) !== NUMBER || w.document.numberText(w.node) !== number
    const isSeen = m.document.kind(m.node) === NUMBER && m.document.numberText(m.node) === number
    return isRestored && isSeen ? place : null
  }
  const real = r.document.text(r.node)
  const before = w.document.text(w.node)
  if (real === undefined || before === undefined || real === before) return null
  return compareTexts(before, real, m.document.text(m.node) ?? '', place)
}

/** The place, when a text whose placeholders were restored shows more than it did: as written, as it is, as it would be read. */
export function compareTexts(before: string, real: string, seen: string, place: string): string | null {
  const inner = innerOf(real)
  const innerBefore = inner === null ? null : innerOf(before)
  const innerSeen = inner === null ? null : innerOf(seen)
  if (inner !== null && innerBefore !== null && innerSeen !== null) {
    return compare(
      { document: innerBefore, node: 0 },
      { document: inner, node: 0 },
      { document: innerSeen, node: 0 },
      `${place}#`,
    )
  }
  // base64 of a text: placeholders begin in it at any offset, so it is compared as what it says.
  const plain = findPlaceholders(before).length > 0 ? null : decoded(before)
  if (plain !== null && mayHoldPlaceholder(Buffer.from(plain))) {
    const [plainReal, plainSeen] = [decoded(real), decoded(seen)]
    if (plainReal === null || plainSeen === null) return place
    return plain === plainReal ? null : compareTexts(plain, plainReal, plainSeen, place)
  }
  return isHidden(before, real, seen) ? null : place
}

function decoded(text: string): string | null {
  const bytes = Buffer.from(text)
  return fromBase64(bytes, 0, bytes.length)?.toString('utf8') ?? null
}

/** In a text as it was written and as it would be read, the same must stand around the placeholders. */
function isHidden(before: string, real: string, seen: string): boolean {
  if (seen === real) return false
  if (shapeOf(before) === shapeOf(seen)) return true
  // Masked as a whole, in base64 or packed.
  if (!shapeOf(seen).includes(HOLE)) return mayHoldAnywhere(seen)
  const lines = before.split('\n')
  const views = seen.split('\n')
  if (lines.length !== views.length) return false
  return lines.every((line, i) => {
    const shape = shapeOf(line)
    return shape === line || shape === shapeOf(views[i]!) || shapeOf(views[i]!) === HOLE
  })
}

const HOLE = '\0'
/** What may be base64 of a placeholder: 63 letters are 84. */
const ENCODED = /[A-Za-z0-9+/]{84,}={0,2}/g

function shapeOf(text: string): string {
  let shape = ''
  let from = 0
  for (const { start, end } of findPlaceholders(text)) {
    shape += text.slice(from, start) + HOLE
    from = end
  }
  return (shape + text.slice(from)).replace(ENCODED, run => {
    const plain = decoded(run)
    return plain !== null && mayHoldPlaceholder(Buffer.from(plain)) ? shapeOf(plain) : run
  })
}
