import type { JsonDocument, Node } from '../../kubernetes/json/document.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { applyReplacements, insertFirst, type Replacement } from '../../kubernetes/json/replacements.ts'
import { escapeSegment } from '../json/names.ts'
import { findPlaceholders, mayHoldPlaceholder, NUMBER_PLACEHOLDER } from '../placeholder.ts'
import { type Atlas, elementsOf, labelOf, membersOf } from './atlas.ts'
import { restoreOperations } from './operations.ts'
import { mayBePacked, mayHoldAnywhere } from './packed.ts'
import { type Misplaced, restoreValue } from './restore.ts'

/** How a body says what it changes; as in `BodyFacts`. */
export type WriteForm = 'object' | 'merge-patch' | 'strategic-merge-patch' | 'apply-patch' | 'json-patch'

export interface Restored {
  /** With real values; pinned to the version of the object that they were read from. */
  readonly bytes: Buffer
  /** Places that were restored. */
  readonly count: number
}

const NUMBER = Buffer.from(NUMBER_PLACEHOLDER)
/**
 * Operations that tell of a value, carry it, or change the name or the option that it stands behind; and those that may count
 * elements from the end of a list.
 */
const TELLING = /"op"\s*:\s*"(?:test|copy|move)"|"path"\s*:\s*"[^"]*\/(?:(?:name|key|\d+)"|[+-]\d|0\d)/
const ESCAPE = Buffer.from('\\u')

/**
 * Whether a write must be looked at beside the live object: it may hold a placeholder, or be a patch that moves or tests
 * what it does not show. Cheap, and never false for those.
 */
export function needsAtlas(bytes: Uint8Array, form: string): boolean {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (mayHoldPlaceholder(body) || body.includes(NUMBER) || body.includes(ESCAPE) || mayBePacked(body))
    return true
  return form === 'json-patch' && TELLING.test(body.toString('latin1'))
}

/** Whether it does hold a placeholder somewhere, for writes that have no live object. */
export function holdsPlaceholder(bytes: Uint8Array): boolean {
  const document = readJson(bytes)
  return 'refused' in document ? mayHoldPlaceholder(Buffer.from(bytes)) : holds(document, 0)
}

function holds(document: JsonDocument, node: Node): boolean {
  if (document.isObject(node)) {
    return membersOf(document, node).some(
      m => findPlaceholders(m.name).length > 0 || holds(document, m.value),
    )
  }
  if (document.isArray(node)) return elementsOf(document, node).some(e => holds(document, e))
  const text = document.text(node)
  return text !== undefined && mayHoldAnywhere(text)
}

/** The body that is sent on, or the first place where a placeholder stands that was not read there. */
export function restoreBody(bytes: Uint8Array, form: WriteForm, atlas: Atlas): Restored | Misplaced | null {
  const document = readJson(bytes)
  if ('refused' in document) return null
  if (form === 'json-patch') return restoreOperations(bytes, document, atlas)
  const found: Replacement[] = []
  const fault = restoreValue(document, 0, '', atlas, found)
  if (fault !== null) return fault
  const isWhole = form === 'object'
  const missing = isWhole ? leftOut(document, atlas) : NOTHING
  const count = found.length + missing.count
  if (count === 0) return { bytes: Buffer.from(bytes), count }
  return {
    bytes: applyReplacements(bytes, [...found, ...missing.replacements, ...pin(document, atlas)]),
    count,
  }
}

const NOTHING: { readonly replacements: readonly Replacement[]; readonly count: number } = {
  replacements: [],
  count: 0,
}

/** What the view left out, and a whole object that was made from the view lacks. */
function leftOut(document: JsonDocument, atlas: Atlas): typeof NOTHING {
  // All of one object together: there is one comma between each two, and none where it was empty.
  const members = new Map<Node, string[]>()
  for (const { place, name, json } of atlas.dropped) {
    const node = nodeAt(document, place)
    if (node === undefined || !document.isObject(node) || document.member(node, name) !== undefined) continue
    const known = members.get(node)
    if (known === undefined) members.set(node, [json.toString()])
    else known.push(json.toString())
  }
  return {
    replacements: [...members].map(([node, texts]) => insertFirst(document, node, texts.join(','))),
    count: [...members.values()].flat().length,
  }
}

/** The write holds only for the version whose values it carries; of another the API server says 409. */
function pin(document: JsonDocument, atlas: Atlas): Replacement[] {
  if (atlas.resourceVersion === null) return []
  const version = `"resourceVersion":${JSON.stringify(atlas.resourceVersion)}`
  const metadata = document.member(0, 'metadata')
  if (metadata === undefined) return [insertFirst(document, 0, `"metadata":{${version}}`)]
  // A version that the writer gives is his own pin: if it is not this one, the write fails as it should.
  const given = document.text(document.member(metadata, 'resourceVersion'))
  if (given !== undefined && given !== '') return []
  const member = document.member(metadata, 'resourceVersion')
  if (member !== undefined) {
    const start = document.text(member) === undefined ? document.offset(member) : document.offset(member) - 1
    return [{ start, end: document.end(member), text: JSON.stringify(atlas.resourceVersion) }]
  }
  return [insertFirst(document, metadata, version)]
}

/** Follows a place of an atlas; undefined when the document has nothing there. */
export function nodeAt(document: JsonDocument, place: string): Node | undefined {
  let node: Node | undefined = 0
  for (const step of place.split('/').slice(1)) {
    if (node === undefined) return undefined
    if (document.isObject(node)) {
      node = membersOf(document, node).find(m => escapeSegment(m.name) === step)?.value
    } else {
      const elements: Node[] = elementsOf(document, node)
      node = elements.find((element, i) => labelOf(document, element, i) === step)
    }
  }
  return node
}
