import type { BodyFacts } from '../action.ts'
import type { DiscoveryEntry, ObjectKind } from '../discovery/entry.ts'
import { type JsonDocument, NULL } from '../json/document.ts'
import { BODY_LIMITS, createJsonReader, type JsonRefusal } from '../json/read-json.ts'
import { decodeProtobuf } from '../protobuf/decode-protobuf.ts'
import type { ParsedRequest } from '../request/contract.ts'
import { type Claims, disagreement } from './agreement.ts'
import { findCaseVariant, mayBeCaseVariant } from './case-variants.ts'
import { type JudgedBody, type RefusedBody, refuseBody } from './contract.ts'
import { inflate } from './inflate.ts'
import { checkJsonPatch } from './json-patch.ts'
import { type BodyForm, type BodySyntax, formOf } from './media-types.ts'
import { yamlToJson } from './yaml-to-json.ts'

const readJson = createJsonReader(mayBeCaseVariant)
const NO_BODY: JudgedBody = { refused: false, bytes: null, mediaType: '', facts: null }
const NO_CLAIMS: Claims = { apiVersion: '', kind: '', name: '', generateName: '', namespace: '' }
const STREAMS = new Set(['exec', 'attach', 'portforward'])

/**
 * Reads the body of a request into facts and into the bytes that may be sent on, or says why it has more than one reading.
 * `bytes` is the whole body as received, `entry` what discovery knows of the resource.
 */
export function readBody(
  parsed: ParsedRequest,
  bytes: Uint8Array | null,
  entry: DiscoveryEntry | undefined,
): JudgedBody | RefusedBody {
  if (bytes === null || bytes.length === 0) return NO_BODY
  const { info, method, headers } = parsed
  if (bytes.length > BODY_LIMITS.maximumBytes) {
    return refuseBody('body-too-large', 'the body is larger than 3 MiB', 'request-too-large')
  }
  if (method === 'GET' || method === 'HEAD') {
    return refuseBody('unexpected-body', 'a body on GET or HEAD')
  }
  if (
    !info.isResource ||
    (info.resource === 'pods' && info.apiGroup === '' && STREAMS.has(info.subresource))
  ) {
    return refuseBody('unexpected-body', 'this path takes no body')
  }
  let plain: Uint8Array | RefusedBody = bytes
  if (headers.get('content-encoding') === 'gzip') plain = inflate(bytes)
  if ('refused' in plain) return plain
  if (info.subresource === 'proxy') {
    return { refused: false, bytes: plain, mediaType: headers.get('content-type') ?? '', facts: null }
  }
  if (plain.length === 0) return NO_BODY
  const form = formOf(method, headers.get('content-type'))
  if ('refused' in form) return form
  return judge(parsed, plain, form, entry)
}

function judge(
  parsed: ParsedRequest,
  bytes: Uint8Array,
  form: BodyForm,
  entry: DiscoveryEntry | undefined,
): JudgedBody | RefusedBody {
  const { info, method } = parsed
  const isDelete = method === 'DELETE'
  const expected = isDelete ? undefined : expectedKind(info.subresource, entry)
  const read = toJson(bytes, form.syntax, expected)
  if ('refused' in read) return read
  const { document } = read
  if (form.name === 'json-patch') {
    const fault = checkJsonPatch(document)
    if (fault !== null) return fault
    return judged(read.bytes, form, document, NO_CLAIMS, parsed, expected)
  }
  if (!document.isObject(0)) return refuseBody('body-not-object', 'the body is not an object')
  const claims = readClaims(document)
  if ('refused' in claims) return claims
  if (isDelete) {
    if (claims.kind !== '' && claims.kind !== 'DeleteOptions') {
      return refuseBody('body-kind', 'the body of a DELETE is not DeleteOptions')
    }
  } else if (form.name === 'object' || form.name === 'apply-patch') {
    const fault = disagreement(info, claims, expected)
    if (fault !== null) return fault
  }
  const type = isDelete ? { apiVersion: 'v1', kind: 'DeleteOptions' } : expected
  const variant = findCaseVariant(document, type?.apiVersion ?? claims.apiVersion, type?.kind ?? claims.kind)
  if (variant !== null) return refuseBody('json-case-variant', variant)
  return judged(read.bytes, form, document, claims, parsed, type)
}

/** What the URL takes: the resource's own kind, or that of its subresource. */
function expectedKind(subresource: string, entry: DiscoveryEntry | undefined): ObjectKind | undefined {
  if (entry === undefined) return undefined
  return subresource === '' ? entry.kind : entry.subresources.get(subresource)?.kind
}

interface ReadJson {
  readonly bytes: Uint8Array
  readonly document: JsonDocument
}

function toJson(
  bytes: Uint8Array,
  syntax: BodySyntax,
  expected: ObjectKind | undefined,
): ReadJson | RefusedBody {
  if (syntax === 'protobuf') {
    const decoded = decodeProtobuf(bytes, expected)
    return decoded.refused ? decoded : strict(decoded.json)
  }
  if (syntax === 'json') return strict(bytes)
  // kubectl and client-go send JSON under the name of YAML, which it is.
  const asJson = readJson(bytes)
  if (!('refused' in asJson)) {
    const safe = syntax === 'apply-yaml' ? withoutYamlBreaks(bytes) : bytes
    return safe === bytes ? { bytes, document: asJson } : strict(safe)
  }
  const yaml = yamlToJson(bytes)
  if (!yaml.refused) return strict(yaml.json)
  // The JSON reader's word is the clearer one for what was meant as JSON.
  if (asJson.check !== 'json-syntax' && bytes[0] === 0x7b) return jsonRefusal(asJson)
  const tooLarge = yaml.check === 'yaml-too-large' || yaml.check === 'yaml-depth'
  return refuseBody(yaml.check, yaml.detail, tooLarge ? 'request-too-large' : 'request-ambiguous')
}

function strict(bytes: Uint8Array): ReadJson | RefusedBody {
  const document = readJson(bytes)
  return 'refused' in document ? jsonRefusal(document) : { bytes, document }
}

function jsonRefusal({ check, detail }: JsonRefusal): RefusedBody {
  const tooLarge = check === 'json-too-large' || check === 'json-too-many-values' || check === 'json-depth'
  return refuseBody(check, detail, tooLarge ? 'request-too-large' : 'request-ambiguous')
}

/**
 * Apply patches keep their type, so upstream reads them as YAML 1.1, in which the characters NEL, LS and PS end a line even
 * within quotes (and others are refused). Escaped they mean the same to both readers.
 */
function withoutYamlBreaks(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  if (!YAML_SPECIAL.test(text)) return bytes
  // In strict JSON these stand in strings only.
  return Buffer.from(
    text.replaceAll(YAML_SPECIAL_ALL, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}

const YAML_SPECIAL = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/
const YAML_SPECIAL_ALL = new RegExp(YAML_SPECIAL, 'g')

function readClaims(document: JsonDocument): Claims | RefusedBody {
  const metadata = document.member(0, 'metadata')
  if (metadata !== undefined && !document.isObject(metadata) && document.kind(metadata) !== NULL) {
    return refuseBody('body-type', 'metadata in the body is not an object')
  }
  const claims = { ...NO_CLAIMS }
  for (const [name, node] of [
    ['apiVersion', document.member(0, 'apiVersion')],
    ['kind', document.member(0, 'kind')],
    ['name', document.member(metadata, 'name')],
    ['generateName', document.member(metadata, 'generateName')],
    ['namespace', document.member(metadata, 'namespace')],
  ] as const) {
    if (node === undefined || document.kind(node) === NULL) continue
    const text = document.text(node)
    if (text === undefined) return refuseBody('body-type', `${name} in the body is not a string`)
    claims[name] = text
  }
  return claims
}

function judged(
  bytes: Uint8Array,
  form: BodyForm,
  document: JsonDocument,
  claims: Claims,
  { info }: ParsedRequest,
  type: ObjectKind | undefined,
): JudgedBody {
  const isObject = form.name === 'object' || form.name === 'apply-patch'
  let object: unknown
  const generated = claims.generateName === '' ? '' : `${claims.generateName}*`
  const facts: BodyFacts = {
    // Discovery's word comes first: a merge patch may claim to be of any kind. Subresources take some in two versions.
    apiVersion: (isObject && claims.apiVersion) || type?.apiVersion || claims.apiVersion,
    kind: type?.kind ?? claims.kind,
    name: info.name || claims.name || generated,
    namespace: info.namespace,
    form: form.name,
    // Built when a condition or the risk table first looks into it.
    get object() {
      if (object === undefined) object = document.value()
      return object
    },
  }
  return { refused: false, bytes, mediaType: form.forward, facts }
}
