import { parseRegex, RegexError, type RegexNode } from '../../policy/regex/syntax.ts'
import type { Anchor, Detector } from './detector.ts'
import { anchorsOf, lengthOf, mirrored, withinLine } from './own-syntax.ts'
import { createTable, type StateTable } from './own-table.ts'

/** Letters that a match may have when nothing else is said, and at most. */
export const LONGEST_MATCH = { usual: 256, most: 4096 } as const

/**
 * Why a pattern of an operator is refused, or null. The pattern is in the part of RE2's syntax that conditions use, in
 * ASCII; it has a longest match, a literal of two letters, and an automaton of bounded size that does one step for each
 * letter: no text can make it slow.
 */
export function checkOwnPattern(source: string, longest: number = LONGEST_MATCH.usual): string | null {
  try {
    compileOwnPattern(source, longest)
    return null
  } catch (error) {
    if (error instanceof RegexError) return error.at > 0 ? `${error.message} (at ${error.at})` : error.message
    throw error
  }
}

/** The pattern as a detector without a name. Throws RegexError with the reason that `checkOwnPattern` gives. */
export function compileOwnPattern(source: string, longest: number = LONGEST_MATCH.usual): Detector {
  if (!(longest >= 1 && longest <= LONGEST_MATCH.most)) {
    throw new RegexError(`a match may have 1 to ${LONGEST_MATCH.most} letters`, 0)
  }
  if (/[^\x20-\x7e]/.test(source)) throw new RegexError('must be in printable ASCII', 0)
  const node = withinLine(parseRegex(source))
  const { min, max } = lengthOf(node)
  if (min === 0) throw new RegexError('matches the empty text', 0)
  if (max > longest) {
    const what =
      max === Infinity
        ? 'has no longest match: write {1,64} instead of + or *'
        : `matches up to ${max} letters`
    throw new RegexError(`${what}; at most ${longest} are allowed`, 0)
  }
  const anchors = anchorsOf(node)
  if (anchors === null) throw new RegexError('needs two letters in a row that stand in every match', 0)
  return detectorOf(node, anchors, max)
}

function detectorOf(node: RegexNode, anchors: readonly Anchor[], longest: number): Detector {
  const forward = createTable(node, false)
  const backward = createTable(mirrored(node), true)
  return {
    name: 'own',
    about: '',
    personal: false,
    anchors,
    look(text, at, behind, spans) {
      // No match crosses a line: one pass over the rest of this one finds all that are there.
      if (at < behind) return behind
      const lineStart = text.lastIndexOf('\n', at) + 1
      const newline = text.indexOf('\n', at)
      const lineEnd = newline === -1 ? text.length : newline
      const from = Math.max(lineStart, behind, at - longest)
      const starts = startsOf(backward, text, from, lineStart, lineEnd)
      for (let s = from; s < lineEnd; s++) {
        if (starts[s - from] === 0) continue
        const end = longestEnd(forward, text, s, lineStart, lineEnd)
        if (end <= s) continue
        spans.push(s, end)
        s = end - 1
      }
      return lineEnd
    },
  }
}

/** Where matches begin: the mirrored pattern is read from the end of the line. */
function startsOf(
  table: StateTable,
  text: string,
  from: number,
  lineStart: number,
  lineEnd: number,
): Uint8Array {
  const starts = new Uint8Array(lineEnd - from)
  let state = table.initial(-1)
  for (let i = lineEnd - 1; i >= from; i--) {
    const step = table.step(state, text.charCodeAt(i))
    if ((step & 1) === 1 && i + 1 < lineEnd) starts[i + 1 - from] = 1
    state = step >> 1
  }
  const before = from > lineStart ? text.charCodeAt(from - 1) : -1
  if (from < lineEnd && table.accepts(state, before)) starts[0] = 1
  return starts
}

function longestEnd(
  table: StateTable,
  text: string,
  start: number,
  lineStart: number,
  lineEnd: number,
): number {
  let state = table.initial(start > lineStart ? text.charCodeAt(start - 1) : -1)
  let end = -1
  for (let i = start; i < lineEnd; i++) {
    const step = table.step(state, text.charCodeAt(i))
    if ((step & 1) === 1) end = i
    state = step >> 1
    if (table.isDead(state)) return end
  }
  return table.accepts(state, -1) ? lineEnd : end
}
