import type { JsonDocument, Node } from '../../kubernetes/json/document.ts'
import { applyReplacements, insertLast, type Replacement } from '../../kubernetes/json/replacements.ts'
import { canonical } from '../json/canonical.ts'
import { escapeSegment } from '../json/names.ts'
import { type Atlas, elementsOf, labelOf } from './atlas.ts'
import { type Misplaced, restoreValue } from './restore.ts'
import type { Restored } from './restore-body.ts'

/**
 * A JSON patch (RFC 6902) beside the live object. Placeholders in values are restored. What would tell of a masked value
 * or carry it elsewhere is misplaced: `test` of it, `copy` and `move` from it. Operations count elements of arrays as the
 * ones before left them, so a placeholder in an array that was changed before is misplaced as well; and so is a change of
 * what tells that the value beside it is a secret.
 */
export function restoreOperations(
  bytes: Uint8Array,
  document: JsonDocument,
  atlas: Atlas,
): Restored | Misplaced {
  const found: Replacement[] = []
  const shifted: string[] = []
  let checked = 0
  for (const operation of elementsOf(document, 0)) {
    const op = document.text(document.member(operation, 'op')) ?? ''
    const path = document.text(document.member(operation, 'path')) ?? ''
    const place = atlas.placeOf(path)
    const isShifted = shifted.some(array => path.startsWith(`${array}/`))
    const value = document.member(operation, 'value')
    if (op === 'copy' || op === 'move') {
      const from = document.text(document.member(operation, 'from')) ?? ''
      // Into a place of its own nothing is carried: a move of an array's element among its neighbours stays there.
      if (uncovers(atlas, 'remove', from)) return { misplaced: from }
      if (carries(atlas, from) || shifted.some(array => from.startsWith(`${array}/`)))
        return { misplaced: from }
    }
    if (op !== 'test' && uncovers(atlas, op, path)) return { misplaced: path }
    if (value !== undefined) {
      const before = found.length
      const fault = restoreValue(document, value, place, atlas, found)
      if (fault !== null) return fault
      if (found.length > before && isShifted) return { misplaced: path }
      checked += found.length - before
      // A test of a value as it was seen is one for a change since; of any other it is a guess.
      if (op === 'test' && atlas.reaches(canonical(place)) && found.length === before)
        return { misplaced: path }
    }
    if (op !== 'replace' && op !== 'test') shifted.push(...arraysAbove(path))
    if (op === 'move') shifted.push(...arraysAbove(document.text(document.member(operation, 'from')) ?? ''))
  }
  if (checked === 0) return { bytes: Buffer.from(bytes), count: 0 }
  const pinned = `${JSON.stringify({ op: 'replace', path: '/metadata/resourceVersion', value: atlas.resourceVersion })}`
  return {
    bytes: applyReplacements(bytes, [...found, insertLast(document, 0, pinned)]),
    count: checked,
  }
}

function carries(atlas: Atlas, path: string): boolean {
  return path === '' || atlas.reaches(canonical(atlas.placeOf(path)))
}

/** Whether an operation changes the name of a masked value, or the option that stands before one in a list. */
function uncovers(atlas: Atlas, op: string, path: string): boolean {
  const slash = path.lastIndexOf('/')
  if (slash < 0) return false
  const last = path.slice(slash + 1)
  const parent = canonical(atlas.placeOf(path.slice(0, slash)))
  if (last === 'name' || last === 'key') return atlas.reaches(`${parent}/value`)
  if (!/^\d+$/.test(last)) return false
  return atlas.reaches(
    `${parent}/${op === 'add' || op === 'copy' || op === 'move' ? last : Number(last) + 1}`,
  )
}

/** Paths of the arrays whose elements may count otherwise after this path was added or removed. */
function arraysAbove(path: string): string[] {
  const slash = path.lastIndexOf('/')
  if (slash < 0) return []
  return /^(?:\d+|-)$/.test(path.slice(slash + 1)) ? [path.slice(0, slash)] : [path]
}

/** The canonical place of a JSON pointer (RFC 6901) in a document. */
export function placeOf(document: JsonDocument, pointer: string): string {
  let node: Node | undefined = 0
  let place = ''
  for (const raw of pointer.split('/').slice(1)) {
    const name = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    if (node !== undefined && document.isArray(node)) {
      const elements: Node[] = elementsOf(document, node)
      const element: Node | undefined = elements[Number(name)]
      place += `/${element === undefined ? escapeSegment(name) : labelOf(document, element, Number(name))}`
      node = element
    } else {
      place += `/${escapeSegment(name)}`
      node = node === undefined ? undefined : document.member(node, name)
    }
  }
  return place
}
