import { type CharacterSet, RegexError, type RegexNode } from '../../policy/regex/syntax.ts'
import type { Anchor } from './detector.ts'

/** Sets without the line feed. Refuses what could match nothing then, and letters beyond ASCII that are named. */
export function withinLine(node: RegexNode): RegexNode {
  switch (node.type) {
    case 'set':
      return { type: 'set', set: lineSet(node.set) }
    case 'concat':
    case 'alternate':
      return { type: node.type, items: node.items.map(withinLine) }
    case 'repeat':
      return { ...node, item: withinLine(node.item) }
    default:
      return node
  }
}

function lineSet(set: CharacterSet): CharacterSet {
  const kept: number[] = []
  for (let i = 0; i < set.length; i += 2) {
    const from = set[i]!
    const to = set[i + 1]!
    // Of the letters beyond ASCII a set holds all or none: texts are searched as bytes and as UTF-16.
    if (from > 127 || (to > 127 && to !== 0x10ffff)) throw new RegexError('names letters beyond ASCII', 0)
    if (from > 10 || to < 10) kept.push(from, to)
    else {
      if (from < 10) kept.push(from, 9)
      if (to > 10) kept.push(11, to)
    }
  }
  if (kept.length === 0) throw new RegexError('a match cannot span lines', 0)
  return kept
}

/** Letters of the shortest and the longest match. */
export function lengthOf(node: RegexNode): { readonly min: number; readonly max: number } {
  switch (node.type) {
    case 'set':
      return { min: 1, max: 1 }
    case 'concat': {
      const all = node.items.map(lengthOf)
      return { min: sum(all.map(l => l.min)), max: sum(all.map(l => l.max)) }
    }
    case 'alternate': {
      const all = node.items.map(lengthOf)
      return { min: Math.min(...all.map(l => l.min)), max: Math.max(...all.map(l => l.max)) }
    }
    case 'repeat': {
      const { min, max } = lengthOf(node.item)
      return { min: min * node.min, max: max === 0 ? 0 : max * node.max }
    }
    default:
      return { min: 0, max: 0 }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

/** The pattern of the texts read backwards. */
export function mirrored(node: RegexNode): RegexNode {
  switch (node.type) {
    case 'concat':
      return { type: 'concat', items: node.items.map(mirrored).reverse() }
    case 'alternate':
      return { type: 'alternate', items: node.items.map(mirrored) }
    case 'repeat':
      return { ...node, item: mirrored(node.item) }
    case 'assert':
      if (node.what === 'start') return { type: 'assert', what: 'end' }
      if (node.what === 'end') return { type: 'assert', what: 'start' }
      return node
    default:
      return node
  }
}

/** Words of which one stands in every match, the longest that there are; null when there are none of two letters. */
export function anchorsOf(node: RegexNode): Anchor[] | null {
  switch (node.type) {
    case 'alternate': {
      const all = node.items.map(anchorsOf)
      return all.some(one => one === null) ? null : all.flatMap(one => one!)
    }
    case 'repeat':
      return node.min > 0 ? anchorsOf(node.item) : null
    case 'concat':
      return anchorsOfSequence(node.items)
    default:
      return null
  }
}

function anchorsOfSequence(items: readonly RegexNode[]): Anchor[] | null {
  let best: Anchor[] | null = null
  let run: CharacterSet[] = []
  const consider = (found: Anchor[] | null) => {
    if (found !== null && (best === null || shortest(found) > shortest(best))) best = found
  }
  const endRun = () => {
    if (run.length >= 2) consider([{ text: run.slice(0, 24).map(written).join(''), ignoreCase: false }])
    run = []
  }
  for (const item of flattened(items)) {
    if (item.type === 'set' && isLetter(item.set)) run.push(item.set)
    else if (item.type !== 'assert' && item.type !== 'empty') {
      endRun()
      consider(anchorsOf(item))
    }
  }
  endRun()
  return best
}

/** A sequence within a sequence is one; `a{3}` is three letters. */
function flattened(items: readonly RegexNode[]): RegexNode[] {
  return items.flatMap(item => {
    if (item.type === 'concat') return flattened(item.items)
    if (item.type === 'repeat' && item.item.type === 'set' && item.min === item.max && item.min <= 24) {
      return Array.from({ length: item.min }, () => item.item)
    }
    return [item]
  })
}

function shortest(anchors: readonly Anchor[]): number {
  return Math.min(...anchors.map(anchor => anchor.text.replace(/\[[^\]]*\]/g, 'x').length))
}

/** One letter, perhaps in both cases. */
function isLetter(set: CharacterSet): boolean {
  if (set.length === 2) return set[0] === set[1]
  return set.length === 4 && set[0] === set[1] && set[2] === set[3] && set[0]! + 32 === set[2]
}

/** In the letters of an anchor. */
function written(set: CharacterSet): string {
  const first = String.fromCharCode(set[0]!)
  return set.length === 4 ? `[${first}${String.fromCharCode(set[2]!)}]` : first === '[' ? '[[]' : first
}
