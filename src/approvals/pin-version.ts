import { readJson } from '../kubernetes/json/read-json.ts'
import {
  applyReplacements,
  insertFirst,
  insertLast,
  type Replacement,
} from '../kubernetes/json/replacements.ts'

/**
 * A version that no object has: the API server refuses a write with it with 409 when there is an object, and creates one when
 * there is none (`Update` in apiserver `pkg/registry/generic/registry/store.go` compares versions only of what exists).
 */
export const ABSENT = '1'

/**
 * The body, bound to one version of the object: whatever has changed since, the API server refuses it with 409. What the
 * writer says of the version gives way, since the API server has just accepted it. All other bytes stay. Null: it cannot be bound.
 */
export function pinVersion(form: string, body: Uint8Array | null, version: string): Uint8Array | null {
  if (body === null) return null
  const document = readJson(body)
  if ('refused' in document) return null
  const text = JSON.stringify(version)
  const changed = (by: Replacement): Buffer => applyReplacements(document.bytes, [by])
  if (form === 'json-patch') {
    if (!document.isArray(0)) return null
    // Last, so that no operation of the writer comes after it; `test` would be a 422, which has other reasons too.
    const set = `{"op":"add","path":"/metadata/resourceVersion","value":${text}}`
    return changed(insertLast(document, 0, set))
  }
  if (!document.isObject(0)) return null
  const metadata = document.member(0, 'metadata')
  if (metadata === undefined)
    return changed(insertFirst(document, 0, `"metadata":{"resourceVersion":${text}}`))
  if (!document.isObject(metadata)) return null
  const given = document.member(metadata, 'resourceVersion')
  if (given === undefined) return changed(insertFirst(document, metadata, `"resourceVersion":${text}`))
  if (document.text(given) === version) return body
  // The content of a text begins behind its quote.
  const start = document.offset(given) - (document.text(given) === undefined ? 0 : 1)
  return changed({ start, end: document.end(given), text })
}
