import { isUtf8 } from 'node:buffer'
import { isMap, isScalar, isSeq, type ParsedNode, parseAllDocuments } from 'yaml'
import { BODY_LIMITS } from '../json/read-json.ts'
import { readPlainScalar } from './plain-scalar.ts'

export type YamlToJson =
  | { readonly refused: false; readonly json: Buffer }
  | { readonly refused: true; readonly check: string; readonly detail: string }

/**
 * Larger documents are refused: the YAML parser takes about two milliseconds a kilobyte, in which the process does nothing
 * else. Machines send JSON.
 */
export const LARGEST_YAML = 64 * 1024

/**
 * Reads one YAML document and writes it as JSON. Anchors, aliases, merge keys, tags, directives, several documents and
 * repeated keys are refused: they make a body mean more than it shows (CVE-2019-11253), or different things to
 * different readers.
 */
export function yamlToJson(bytes: Uint8Array): YamlToJson {
  if (bytes.length > LARGEST_YAML) {
    return refusal('yaml-too-large', `YAML is read up to ${LARGEST_YAML} bytes; send the object as JSON`)
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return refusal('yaml-byte-order-mark', 'begins with a byte order mark')
  }
  if (!isUtf8(bytes)) return refusal('yaml-not-utf8', 'not valid UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  try {
    return { refused: false, json: Buffer.from(readDocument(text)) }
  } catch (error) {
    if (error instanceof YamlFault) return refusal(error.check, error.message)
    // The parser recurses: nesting beyond its stack is nesting beyond any limit.
    if (error instanceof RangeError) return refusal('yaml-depth', 'nested too deeply')
    throw error
  }
}

class YamlFault extends Error {
  readonly check: string
  constructor(check: string, detail: string) {
    super(detail)
    this.check = check
  }
}

function refusal(check: string, detail: string): YamlToJson {
  return { refused: true, check, detail }
}

function readDocument(text: string): string {
  const documents = parseAllDocuments<ParsedNode>(text, {
    // Every scalar stays text: what it means is decided in one place, as upstream would.
    schema: 'failsafe',
    version: '1.2',
    merge: false,
    // Checked below; the parser's own check takes quadratic time.
    uniqueKeys: false,
    strict: true,
    prettyErrors: false,
    logLevel: 'silent',
  })
  if (!Array.isArray(documents) || documents.length === 0)
    throw new YamlFault('yaml-empty', 'holds no document')
  const [document] = documents
  if (documents.length > 1 || document === undefined) {
    throw new YamlFault('yaml-documents', 'holds more than one document')
  }
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault !== undefined) {
    throw new YamlFault('yaml-syntax', `not valid YAML at character ${fault.pos[0]} (${fault.code})`)
  }
  const { directives } = document
  if (
    directives !== undefined &&
    (directives.yaml.explicit === true || Object.keys(directives.tags).length > 1)
  ) {
    throw new YamlFault('yaml-directive', 'has a directive')
  }
  return nodeJson(document.contents, 0, text)
}

function nodeJson(node: ParsedNode | null, depth: number, text: string): string {
  if (node === null) return 'null'
  if (depth > BODY_LIMITS.maximumDepth) throw new YamlFault('yaml-depth', 'nested too deeply')
  refuseProperties(node)
  if (isScalar(node)) {
    if (node.type !== 'PLAIN') return JSON.stringify(String(node.value))
    const scalar = readPlainScalar(String(node.value))
    if (scalar.refused) throw new YamlFault('yaml-scalar', scalar.detail)
    return scalar.json
  }
  if (isSeq(node)) {
    return `[${node.items.map(item => nodeJson(item as ParsedNode | null, depth + 1, text)).join(',')}]`
  }
  if (!isMap(node)) throw new YamlFault('yaml-alias', 'has an alias')
  if (node.flow === true && text[node.range[0]] !== '{') {
    throw new YamlFault('yaml-pair', 'a list in brackets holds a bare key with its value; write it in braces')
  }
  const names = new Set<string>()
  const members: string[] = []
  for (const pair of node.items) {
    const name = memberName(pair.key as ParsedNode | null)
    if (names.has(name)) throw new YamlFault('yaml-duplicate-key', 'a key occurs twice in one mapping')
    names.add(name)
    members.push(`${JSON.stringify(name)}:${nodeJson(pair.value as ParsedNode | null, depth + 1, text)}`)
  }
  return `{${members.join(',')}}`
}

function memberName(key: ParsedNode | null): string {
  if (key === null || !isScalar(key)) throw new YamlFault('yaml-key', 'a key is not a string')
  refuseProperties(key)
  const text = String(key.value)
  if (key.type !== 'PLAIN') return text
  if (text === '<<') throw new YamlFault('yaml-merge', 'has a merge key')
  const scalar = readPlainScalar(text)
  // Upstream writes other keys as text as well, but not always as the same text: `yes` becomes `true`.
  const isSameText =
    !scalar.refused && (scalar.isString || (scalar.json === text && /^(?:-?\d+|true|false)$/.test(text)))
  if (!isSameText) {
    throw new YamlFault('yaml-key', 'a key is a YAML value rather than text; quote it')
  }
  return text
}

/** Anchors and tags, and aliases, which are nodes of their own. */
function refuseProperties(node: ParsedNode): void {
  if ('anchor' in node && node.anchor !== undefined) throw new YamlFault('yaml-anchor', 'has an anchor')
  if ('tag' in node && node.tag !== undefined) throw new YamlFault('yaml-tag', 'has a tag')
}
