import type { Finding, FingerprintFinder, TextFinder } from '../contract.ts'
import { hasHidden, rawOffset, rawRange, type View, viewsOf } from './hidden.ts'

/** Finds in all views of a text of whole lines; findings are raw ranges, in order, without overlaps. */
export function findInViews(
  text: string,
  finder: TextFinder,
  fingerprints: FingerprintFinder | undefined,
): Finding[] {
  const found: Finding[] = []
  const inView: Finding[] = []
  for (const view of viewsOf(text)) {
    inView.length = 0
    finder.find(view.text, inView)
    fingerprints?.find(view.text, inView)
    for (const finding of inView) {
      let [start, end] = rawRange(view, finding.start, finding.end)
      if (view.offsets === null) [start, end] = withoutHiddenEnds(text, start, end)
      if (end > start) found.push({ start, end, rule: finding.rule })
    }
  }
  return merged(found)
}

/** Colours around a value stay as they are. */
const HIDDEN_START = /^(?:\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\r]){1,8}/
const HIDDEN_END = /(?:\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\r]){1,8}$/

function withoutHiddenEnds(text: string, start: number, end: number): [number, number] {
  const part = text.slice(start, end)
  if (!hasHidden(part)) return [start, end]
  const first = HIDDEN_START.exec(part)?.[0].length ?? 0
  const last = HIDDEN_END.exec(part.slice(-256))?.[0].length ?? 0
  return [start + first, Math.max(start + first, end - last)]
}

function merged(found: Finding[]): Finding[] {
  if (found.length < 2) return found
  found.sort((a, b) => a.start - b.start)
  const result: { start: number; end: number; rule: Finding['rule'] }[] = []
  for (const { start, end, rule } of found) {
    const last = result.at(-1)
    if (last !== undefined && start < last.end) last.end = Math.max(last.end, end)
    else result.push({ start, end, rule })
  }
  return result
}

export interface Candidates {
  /** The next raw offset at or after `from` where something may be, in any view, or -1. `from` never goes back. */
  next(from: number): number
}

/** @param bytes The same as `text`. */
export function candidatesIn(
  text: string,
  bytes: Uint8Array,
  finder: TextFinder,
  fingerprints: FingerprintFinder | undefined,
): Candidates {
  const views = viewsOf(text)
  const known = fingerprints === undefined ? [] : fingerprintStarts(views, fingerprints)
  if (views.length === 1 && known.length === 0) return { next: from => finder.next(text, from, bytes) }
  let passed = 0
  return {
    next(from) {
      while (passed < known.length && known[passed]! < from) passed++
      let nearest = known[passed] ?? -1
      for (const view of views) {
        const found = finder.next(view.text, viewOffset(view, from))
        const at = found === -1 ? -1 : rawOffset(view, found)
        if (at !== -1 && (nearest === -1 || at < nearest)) nearest = at
      }
      return nearest
    },
  }
}

function fingerprintStarts(views: readonly View[], fingerprints: FingerprintFinder): number[] {
  const found: Finding[] = []
  const starts: number[] = []
  for (const view of views) {
    found.length = 0
    fingerprints.find(view.text, found)
    for (const { start } of found) starts.push(rawOffset(view, start))
  }
  return starts.sort((a, b) => a - b)
}

/** The first letter of the view at or after a raw offset. */
function viewOffset(view: View, raw: number): number {
  if (view.offsets === null) return raw
  let low = 0
  let high = view.offsets.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (view.offsets[middle]! < raw) low = middle + 1
    else high = middle
  }
  return low
}
