import type { JsonDocument, Node } from '../json/document.ts'
import { STRIDE } from '../json/document.ts'
import { type FieldSpec, type MessageSpec, messageOf, structFieldNames } from '../protobuf/field-table.ts'

/**
 * Member names that differ from a field of a Kubernetes type by letter case only. kube-apiserver reads names exactly and
 * drops `Data` in silence; decoders behind it that use Go's encoding/json (webhooks, older aggregated servers) read it
 * as `data`. Two readings: refused wherever a type is known. In maps (labels, annotations, the keys of a ConfigMap)
 * and in parts of custom resources names are the owner's, and `a` beside `A` is ordinary.
 * docs/decisions/json-case-variants.md has the reasons.
 */

/** Folds as Go's strings.EqualFold and a little more: the Kelvin sign is a k, the long s an s. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase()
}

let knownFolds: ReadonlyMap<string, number> | undefined

/** For the JSON reader: whether a name could be a case variant of a field somewhere. Asked once per name. */
export function mayBeCaseVariant(name: string): boolean {
  if (knownFolds === undefined) {
    const folds = new Map<string, number>()
    for (const known of structFieldNames()) folds.set(fold(known), (folds.get(fold(known)) ?? 0) + 1)
    knownFolds = folds
  }
  const spellings = knownFolds.get(fold(name))
  // Names of which the types themselves have two spellings (port and Port) need the look at the type each time.
  return spellings !== undefined && (spellings > 1 || !structFieldNames().has(name))
}

interface Members {
  readonly exact: ReadonlyMap<string, FieldSpec | null>
  readonly folded: ReadonlySet<string>
}

const cache = new WeakMap<MessageSpec, Members>()
const TYPE_META: Members = membersOf(['apiVersion', 'kind'], [])

function membersOf(names: readonly string[], fields: readonly FieldSpec[]): Members {
  const exact = new Map<string, FieldSpec | null>(names.map(name => [name, null]))
  collect(fields, exact)
  return { exact, folded: new Set([...exact.keys()].map(fold)) }
}

function collect(fields: readonly FieldSpec[], into: Map<string, FieldSpec | null>): void {
  for (const field of fields) {
    if (field.name !== '') into.set(field.name, field)
    else if (field.message !== null) collect(field.message.fields, into)
  }
}

function structMembers(spec: MessageSpec): Members {
  let members = cache.get(spec)
  if (members === undefined) {
    members = membersOf([], spec.fields)
    cache.set(spec, members)
  }
  return members
}

/**
 * The first case variant in an object of the given type, as a sentence, or null. Of a type that is not built in only the
 * parts that all objects share are looked at.
 */
export function findCaseVariant(document: JsonDocument, apiVersion: string, kind: string): string | null {
  if (!document.watchedKeys) return null
  const spec = messageOf(apiVersion, kind)
  const top = variantIn(document, 0, TYPE_META)
  if (top !== null) return top
  if (spec !== undefined) return inStruct(document, 0, spec)
  const partial = messageOf('v1', 'PartialObjectMetadata')
  return partial === undefined ? null : inStruct(document, 0, partial)
}

function inStruct(document: JsonDocument, node: Node, spec: MessageSpec): string | null {
  if (!document.isObject(node)) return null
  const members = structMembers(spec)
  const variant = variantIn(document, node, members)
  if (variant !== null) return variant
  const end = document.after(node)
  for (let at = document.first(node); at < end; ) {
    const value = at + STRIDE
    const field = members.exact.get(document.text(at) ?? '')
    if (field?.message?.form === 'struct') {
      const inner = inField(document, value, field, field.message)
      if (inner !== null) return inner
    }
    at = document.after(value)
  }
  return null
}

function inField(document: JsonDocument, value: Node, field: FieldSpec, spec: MessageSpec): string | null {
  const end = document.after(value)
  if (field.map && document.isObject(value)) {
    for (let at = document.first(value); at < end; at = document.after(at + STRIDE)) {
      const inner = inStruct(document, at + STRIDE, spec)
      if (inner !== null) return inner
    }
    return null
  }
  if (field.repeated && document.isArray(value)) {
    for (let at = document.first(value); at < end; at = document.after(at)) {
      const inner = inStruct(document, at, spec)
      if (inner !== null) return inner
    }
    return null
  }
  return inStruct(document, value, spec)
}

function variantIn(document: JsonDocument, node: Node, members: Members): string | null {
  if (!document.isObject(node)) return null
  const end = document.after(node)
  for (let at = document.first(node); at < end; at = document.after(at + STRIDE)) {
    const name = document.text(at) ?? ''
    if (!members.exact.has(name) && members.folded.has(fold(name))) {
      const known = [...members.exact.keys()].find(candidate => fold(candidate) === fold(name))
      return `a member is written like ${known} but for its letter case (at byte ${document.offset(at)})`
    }
  }
  return null
}
