import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from 'yaml'
import type { Problem } from './problem.ts'

export interface Position {
  readonly line: number
  readonly column: number
}

export type Path = readonly (string | number)[]

/** One YAML or JSON document as plain values (null-prototype objects), with the way back to where each one stands. */
export interface SourceDocument {
  readonly value: unknown
  readonly start: Position
  /** Where the value at `path` stands, or the nearest thing around it that is there. */
  locate(path: Path): Position
  /** Where the key `key` of the mapping at `path` stands. */
  locateKey(path: Path, key: string): Position
  /** Where a place inside the text at `path` stands, lines and columns of the text counted from 1. */
  locateText(path: Path, line: number, column: number): Position
}

/** Characters of one text; a larger one is refused before it is parsed. */
const TEXT_LIMIT = 1024 * 1024
const DEPTH_LIMIT = 50

/**
 * Reads all documents of a text. Refuses what has more than one reading or more power than a plain document:
 * duplicate keys, aliases (CVE-2019-11253), tags, keys that are not strings. JSON is read by the same parser.
 */
export function readYaml(text: string, file: string): { documents: SourceDocument[]; problems: Problem[] } {
  const problems: Problem[] = []
  if (text.length > TEXT_LIMIT) {
    problems.push({ file, line: 1, column: 1, path: '', message: 'is larger than 1 MiB', severity: 'error' })
    return { documents: [], problems }
  }
  const lines = new LineCounter()
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const fail = (offset: number, message: string): void => {
    problems.push({ file, ...at(offset), path: '', message, severity: 'error' })
  }
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    schema: 'core',
    version: '1.2',
    merge: false,
    logLevel: 'silent',
  })
  const documents: SourceDocument[] = []
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const error of [...document.errors, ...document.warnings]) fail(error.pos[0], error.message)
    const root = document.contents as Node | null
    if (document.errors.length > 0 || root === null) continue
    // `---` with nothing behind it is no document.
    if (isScalar(root) && root.value === null && (root.range?.[0] ?? 0) === (root.range?.[1] ?? 0)) continue
    const before = problems.length
    const value = plain(root, fail, 0)
    if (problems.length > before) continue
    documents.push({
      value,
      start: at(offsetOf(root)),
      locate: path => at(offsetAt(root, path)),
      locateText: (path, line, column) => {
        const node = nodeAt(root, path)
        const offset = isScalar(node) ? textOffset(text, node, line, column) : undefined
        return at(offset ?? offsetAt(root, path))
      },
      locateKey: (path, key) => at(keyOffset(nodeAt(root, path), key) ?? offsetAt(root, path)),
    })
  }
  return { documents, problems }
}

function plain(node: Node | null, fail: (offset: number, message: string) => void, depth: number): unknown {
  if (node === null) return null
  if (depth > DEPTH_LIMIT) {
    fail(offsetOf(node), `is nested deeper than ${DEPTH_LIMIT} levels`)
    return null
  }
  if (isAlias(node)) {
    fail(offsetOf(node), 'aliases are not supported: write the value out')
    return null
  }
  if (isScalar(node)) return node.value
  if (isSeq(node)) return node.items.map(item => plain(item as Node, fail, depth + 1))
  if (isMap(node)) {
    const value = Object.create(null) as Record<string, unknown>
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      if (!isScalar(pair.key) || typeof pair.key.value !== 'string') {
        fail(offsetOf(pair.key), 'a key must be a string')
        continue
      }
      value[pair.key.value] = plain(pair.value, fail, depth + 1)
    }
    return value
  }
  fail(offsetOf(node), 'is not a plain value')
  return null
}

function nodeAt(root: Node, path: Path): Node {
  let node: Node = root
  for (const step of path) {
    const next = child(node, step)
    if (next === undefined) break
    node = next
  }
  return node
}

function offsetAt(root: Node, path: Path): number {
  let node: Node = root
  let offset = offsetOf(root)
  for (const step of path) {
    const key = isMap(node) ? keyOffset(node, String(step)) : undefined
    const next = child(node, step)
    if (next === undefined) return key ?? offset
    node = next
    offset = offsetOf(node)
  }
  return offset
}

/** Undefined when the text in the file is not the text that it stands for, line by line (escapes, folding). */
function textOffset(file: string, node: Scalar, line: number, column: number): number | undefined {
  const start = node.range?.[0] ?? 0
  const lines = String(node.value).split('\n')
  if (node.type === 'BLOCK_LITERAL') {
    const header = file.indexOf('\n', start)
    let at = header + 1
    for (let i = 1; i < line; i++) at = file.indexOf('\n', at) + 1
    const indent = file.slice(at).search(/[^ ]/)
    const own = (lines[line - 1] ?? '').search(/[^ ]/)
    return header < 0 || indent < 0 || own < 0 ? undefined : at + indent - own + column - 1
  }
  const quote = node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE' ? 1 : 0
  const plain = file.startsWith(String(node.value), start + quote)
  return plain && lines.length === 1 ? start + quote + column - 1 : undefined
}

function child(node: Node, step: string | number): Node | undefined {
  if (isSeq(node)) return (node.items[Number(step)] as Node | undefined) ?? undefined
  return pairOf(node, String(step))?.value ?? undefined
}

function keyOffset(node: Node, key: string): number | undefined {
  const pair = pairOf(node, key)
  return pair === undefined ? undefined : offsetOf(pair.key)
}

function pairOf(node: Node, key: string): Pair<Node, Node | null> | undefined {
  if (!isMap(node)) return undefined
  return (node.items as Pair<Node, Node | null>[]).find(p => isScalar(p.key) && p.key.value === key)
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0
}
