import { readJson } from '../kubernetes/json/read-json.ts'
import { insertInto } from './pin-write.ts'

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
  if (form === 'json-patch') {
    if (!document.isArray(0)) return null
    // Last, so that no operation of the writer comes after it; `test` would be a 422, which has other reasons too.
    const set = `{"op":"add","path":"/metadata/resourceVersion","value":${text}}`
    const at = document.end(0) - 1
    const isEmpty = document.first(0) >= document.after(0)
    return spliced(document.bytes, at, at, isEmpty ? set : `,${set}`)
  }
  if (!document.isObject(0)) return null
  const metadata = document.member(0, 'metadata')
  if (metadata === undefined) return insertInto(document, 0, `"metadata":{"resourceVersion":${text}}`)
  if (!document.isObject(metadata)) return null
  const given = document.member(metadata, 'resourceVersion')
  if (given === undefined) return insertInto(document, metadata, `"resourceVersion":${text}`)
  if (document.text(given) === version) return body
  // The content of a text begins behind its quote.
  const from = document.offset(given) - (document.text(given) === undefined ? 0 : 1)
  return spliced(document.bytes, from, document.end(given), text)
}

function spliced(bytes: Uint8Array, from: number, to: number, text: string): Buffer {
  return Buffer.concat([bytes.subarray(0, from), Buffer.from(text), bytes.subarray(to)])
}
