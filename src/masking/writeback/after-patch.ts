import type { JsonDocument, Node } from '../../kubernetes/json/document.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { escapeSegment } from '../json/names.ts'
import { applyPatch } from './apply-patch.ts'
import { elementsOf, membersOf } from './atlas.ts'
import { withoutAbandoned } from './field-owners.ts'
import { compareTexts } from './stays-hidden.ts'
import { isLeaf, jsonOf, scalar, type Tree, treeOf } from './tree.ts'

const LIMITS = { maximumBytes: 32 * 1024 * 1024, maximumDepth: 200, maximumTokens: 4_000_000 }

/** Names that tell what the value beside them, or the next element of a list, is. */
const LABELS = ['name', 'key']

/**
 * Whether a patch may change what tells that a value is a secret without naming the value: then the live object must be
 * looked at. Cheap, and for ordinary patches false. JSON patches are judged by `needsAtlas`.
 *
 * @param group API group of the object. Groups without a dot are built in, and their lists are merged by `name` or not at all.
 */
export function mayUncover(bytes: Uint8Array, form: string, group: string): boolean {
  if (form === 'json-patch' || form === 'object') return false
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!(body.includes('"name"') || body.includes('"key"'))) return false
  const document = readJson(bytes, LIMITS)
  if ('refused' in document) return true
  const readsElements = form === 'apply-patch' && group.includes('.')
  // A merge patch replaces lists as a whole.
  return renames(document, 0, '', false, form !== 'merge-patch', readsElements)
}

/**
 * Whether a write may take away what it does not even name: a server-side apply does so with what its manager applied before.
 * Objects of built-in groups without a dot have no values that are explained outside of lists.
 */
export function mayAbandon(form: string, group: string): boolean {
  return form === 'apply-patch' && group.includes('.')
}

function renames(
  document: JsonDocument,
  node: Node,
  place: string,
  isElement: boolean,
  intoLists: boolean,
  readsElements: boolean,
): boolean {
  if (document.isArray(node)) {
    return (
      intoLists &&
      elementsOf(document, node).some(e => renames(document, e, `${place}/-`, true, intoLists, readsElements))
    )
  }
  if (!document.isObject(node)) return false
  const members = membersOf(document, node)
  const isLabelled = place !== '/metadata' && (readsElements || !isElement)
  const names = members.map(m => m.name)
  if (isLabelled && LABELS.some(label => names.includes(label)) && !names.includes('value')) return true
  return members.some(m => renames(document, m.value, `${place}/${m.name}`, false, intoLists, readsElements))
}

/**
 * The first place at which a masked value of the live object would be seen once the patch is applied; null when there is
 * none. A value may be masked for the name that stands beside it, which a patch can change alone.
 *
 * @param view The live object as the writer sees it.
 * @param written The patch with placeholders; `restored`: with values in their stead.
 * @param manager The `fieldManager` of a server-side apply.
 * @param mask What the writer would see of an object.
 */
export function uncoveredAfter(
  live: Buffer,
  view: Buffer,
  written: Uint8Array,
  restored: Buffer,
  form: string,
  manager: string,
  mask: (object: Buffer) => Buffer,
): string | null {
  const [l, v] = [readJson(live, LIMITS), readJson(view, LIMITS)]
  const [w, r] = [readJson(written, LIMITS), readJson(restored, LIMITS)]
  if ('refused' in l || 'refused' in v || 'refused' in w || 'refused' in r) return ''
  const [there, patch] = [treeOf(l, v, 'hidden'), treeOf(r, w, 'plain')]
  const kept = form === 'apply-patch' ? withoutAbandoned(there, patch, manager) : there
  const patched = applyPatch(kept, patch, form)
  if (patched === null) return ''
  const seen = readJson(mask(Buffer.from(jsonOf(patched))), LIMITS)
  if ('refused' in seen) return ''
  return openAt(patched, seen, 0, '')
}

function openAt(tree: Tree, seen: JsonDocument, node: Node | undefined, place: string): string | null {
  // What the view leaves out is not seen.
  if (node === undefined) return null
  if (tree instanceof Map) {
    for (const [name, value] of tree) {
      const fault = openAt(value, seen, seen.member(node, name), `${place}/${escapeSegment(name)}`)
      if (fault !== null) return fault
    }
    return null
  }
  if (Array.isArray(tree)) {
    const elements = elementsOf(seen, node)
    for (const [i, element] of tree.entries()) {
      const fault = openAt(element, seen, elements[i], `${place}/${i}`)
      if (fault !== null) return fault
    }
    return null
  }
  if (!isLeaf(tree) || tree.hidden === null) return null
  const { real, seen: before } = tree.hidden
  const now = scalar(seen, node)
  if (now === real) return place
  // What was masked as a whole may not be masked in part.
  return before === '' || seen.text(node) === undefined ? null : compareTexts(before, real, now, place)
}
