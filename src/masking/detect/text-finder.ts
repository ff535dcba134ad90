import type { Finding, MaskRule, TextFinder } from '../contract.ts'
import { createAnchorSearch } from './anchor-search.ts'
import type { Anchor, Detector, Spans } from './detector.ts'
import { detectors } from './detectors.ts'
import { compileOwnPattern } from './own-pattern.ts'

export interface OwnRule {
  /** As `checkOwnPattern` accepts it. */
  readonly pattern: string
  /** Letters that a match may have at most. */
  readonly longest?: number
  readonly rule: MaskRule
}

/** Letters from which on a text is worth remembering for itself. */
const LONG = 2048

interface Ordered extends Finding {
  readonly order: number
}

interface Active {
  readonly detector: Detector
  readonly rule: MaskRule
}

/**
 * A finder for these detectors (by name) and patterns. Where two find the same place, the one that begins first gives
 * the rule, of those that begin together the operator's; and the place is all that either found. A rule that shows parts
 * of a value gives way to any that hides it whole. Throws RangeError on a detector that does not exist, and what
 * `compileOwnPattern` throws.
 */
export function createTextFinder(
  selected: ReadonlyMap<string, MaskRule>,
  own: readonly OwnRule[] = [],
): TextFinder {
  const patterns = own.map(({ pattern, longest, rule }) => ({
    detector: compileOwnPattern(pattern, longest),
    rule,
  }))
  const active = [
    ...patterns.filter(({ rule }) => rule.action !== 'partial'),
    ...inOrder(selected),
    ...patterns.filter(({ rule }) => rule.action === 'partial'),
  ]
  const anchors: Anchor[] = []
  /** Which detector an anchor belongs to. */
  const owner: number[] = []
  for (const [number, { detector }] of active.entries()) {
    for (const anchor of detector.anchors) {
      anchors.push(anchor)
      owner.push(number)
    }
  }
  if (active.length === 0) return { next: () => -1, find: () => {} }
  // Each remembers the text that it has read last. A scanner asks about a long one again and again, and between that
  // about short ones and parts.
  const long = createAnchorSearch(anchors)
  const short = createAnchorSearch(anchors)
  const parts = createAnchorSearch(anchors)
  const behind = new Float64Array(active.length)

  function next(text: string, from: number, same?: Uint8Array, until = text.length): number {
    const search = text.length < LONG ? short : long
    for (
      let at = search.next(text, Math.max(0, from), same, until);
      at !== -1;
      at = search.next(text, at + 1, same, until)
    ) {
      const count = search.at(text, at)
      for (let i = 0; i < count; i++) {
        const { detector } = active[owner[search.hits[i]!]!]!
        if (detector.possible === undefined || detector.possible(text, at)) return at
      }
    }
    return -1
  }

  function find(text: string, found: Finding[]): void {
    const search = parts
    let at = search.next(text, 0)
    if (at === -1) return
    behind.fill(0)
    const findings: Ordered[] = []
    const spans: Spans = []
    for (; at !== -1; at = search.next(text, at + 1)) {
      const count = search.at(text, at)
      let before = -1
      for (let i = 0; i < count; i++) {
        const number = owner[search.hits[i]!]!
        if (number === before) continue
        before = number
        const { detector, rule } = active[number]!
        spans.length = 0
        const seen = detector.look(text, at, behind[number]!, spans)
        if (seen !== undefined) behind[number] = Math.max(behind[number]!, seen)
        for (let k = 0; k < spans.length; k += 2) {
          findings.push({ start: spans[k]!, end: spans[k + 1]!, rule, order: number })
          behind[number] = Math.max(behind[number]!, spans[k + 1]!)
        }
      }
    }
    append(findings, found)
  }

  return { next, find }
}

function inOrder(selected: ReadonlyMap<string, MaskRule>): Active[] {
  for (const name of selected.keys()) {
    if (!detectors.has(name)) throw new RangeError(`no detector ${name}`)
  }
  const active: Active[] = []
  for (const [name, detector] of detectors) {
    const rule = selected.get(name)
    if (rule !== undefined) active.push({ detector, rule })
  }
  return active
}

/** Sorted and without overlaps: what overlaps becomes one. */
function append(findings: Ordered[], found: Finding[]): void {
  if (findings.length > 1) findings.sort((a, b) => a.start - b.start || a.order - b.order)
  let last: { start: number; end: number; rule: MaskRule } | null = null
  for (const { start, end, rule } of findings) {
    if (end <= start) continue
    if (last !== null && start < last.end) {
      if (end > last.end) last.end = end
      if (last.rule.action === 'partial') last.rule = rule
      continue
    }
    last = { start, end, rule }
    found.push(last)
  }
}
