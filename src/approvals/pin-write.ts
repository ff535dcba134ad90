import type { JsonDocument, Node } from '../kubernetes/json/document.ts'
import { readJson } from '../kubernetes/json/read-json.ts'
import { applyReplacements, insertFirst } from '../kubernetes/json/replacements.ts'

/**
 * The body, bound to one object: the API server refuses it with 409 (422 for a JSON patch) when there is another of the
 * same name. Only what binds it is put in; all other bytes stay. Null: such a request cannot be bound.
 * @param verb Of the action; a deletion takes DeleteOptions, also where it came without a body.
 */
export function pinWrite(
  verb: string,
  form: string,
  body: Uint8Array | null,
  uid: string,
): Uint8Array | null {
  if (verb === 'delete') return pinDeletion(body, uid)
  if (body === null) return null
  const document = readJson(body)
  if ('refused' in document) return null
  if (form === 'json-patch') {
    if (!document.isArray(0)) return null
    const test = JSON.stringify({ op: 'test', path: '/metadata/uid', value: uid })
    return insertInto(document, 0, test)
  }
  if (!document.isObject(0)) return null
  const metadata = document.member(0, 'metadata')
  if (metadata === undefined) return insertInto(document, 0, `"metadata":{"uid":${JSON.stringify(uid)}}`)
  if (!document.isObject(metadata)) return null
  const given = document.member(metadata, 'uid')
  // What the writer says itself is its own condition, and fails where it is another.
  if (given !== undefined) return document.text(given) === uid ? body : null
  return insertInto(document, metadata, `"uid":${JSON.stringify(uid)}`)
}

function pinDeletion(body: Uint8Array | null, uid: string): Uint8Array | null {
  if (body === null)
    return Buffer.from(JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } }))
  const document = readJson(body)
  if ('refused' in document || !document.isObject(0)) return null
  const preconditions = document.member(0, 'preconditions')
  if (preconditions === undefined)
    return insertInto(document, 0, `"preconditions":${JSON.stringify({ uid })}`)
  if (!document.isObject(preconditions)) return null
  const given = document.member(preconditions, 'uid')
  if (given !== undefined) return document.text(given) === uid ? body : null
  return insertInto(document, preconditions, `"uid":${JSON.stringify(uid)}`)
}

/** What binds comes first. */
function insertInto(document: JsonDocument, node: Node, text: string): Buffer {
  return applyReplacements(document.bytes, [insertFirst(document, node, text)])
}
