import { applyEdits, fieldsOf } from '../json/edit.ts'
import { JsonMasker, type Masked } from '../json/json-masker.ts'
import type { MaskEngine } from '../json/mask-engine.ts'
import { ObjectWalk } from '../json/object-walk.ts'
import { readTape } from '../json/read-tape.ts'
import type { ObjectContext } from '../json/value-walk.ts'

/**
 * A request's body as the trail shows it. `form` as in `BodyFacts`; `json-patch` is a list of operations whose values stand
 * at places of the object. Null when it cannot be read: then it is not shown.
 */
export function maskRequest(
  engine: MaskEngine,
  bytes: Uint8Array,
  context: ObjectContext,
  form: string,
): Masked | null {
  if (form === 'json-patch') return maskJsonPatch(engine, Buffer.from(bytes), context)
  const masker = new JsonMasker(engine, { ...context, sequence: false })
  const first = masker.push(bytes)
  const last = masker.end()
  if (masker.fault !== null) return null
  if (last.bytes.length === 0) return first
  return { bytes: [...first.bytes, ...last.bytes], fields: [...first.fields, ...last.fields] }
}

function maskJsonPatch(engine: MaskEngine, bytes: Buffer, context: ObjectContext): Masked | null {
  engine.renewNames()
  const tape = readTape(bytes, engine.names.keys)
  if (tape === null) return null
  const walk = new ObjectWalk(engine, tape, 0)
  walk.begin(bytes, context)
  walk.operations()
  return { bytes: [applyEdits(bytes, walk.edits)], fields: fieldsOf(bytes, walk.edits, 0) }
}
