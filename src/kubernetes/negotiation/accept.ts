import type { ParsedRequest, RefusedRequest } from '../request/contract.ts'
import { endpointOf } from './endpoint.ts'

/** Forms that every Kubernetes client takes JSON instead of: it decodes by the Content-Type that comes back. */
const AS_JSON = new Set([
  'application/json',
  'application/vnd.kubernetes.protobuf',
  'application/yaml',
  'application/cbor',
  'application/cbor-seq',
  'application/*',
  '*/*',
])
const OPENAPI = /^application\/com\.github\.proto-openapi\.spec\.v[23][@.]v1\.0\+protobuf$/
const METRICS = new Set(['text/plain', 'application/openmetrics-text'])
/** Parameters that choose a transformation or a stream (apiserver `endpoints/handlers/negotiation`). */
const KEPT_PARAMETERS = new Set(['as', 'g', 'v', 'profile', 'stream', 'pretty', 'q'])
const TRANSFORMS = new Set([
  'Table',
  'PartialObjectMetadata',
  'PartialObjectMetadataList',
  'APIGroupDiscoveryList',
])
const PARAMETER_VALUE = /^[A-Za-z0-9._-]{1,64}$/
const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/
const MOST_CLAUSES = 64

/**
 * The Accept header that is sent on: clause by clause rewritten so that only what can be checked and masked can
 * come back, in the caller's order and with its `q` values. `as=Table` and the like stay. Refused with 406 when
 * the caller takes nothing of the kind.
 */
export function rewriteAccept(accept: string | undefined, parsed: ParsedRequest): string | RefusedRequest {
  const endpoint = endpointOf(parsed)
  if (endpoint === 'proxied') return accept === undefined || accept === '' ? '*/*' : accept
  // Logs are text/plain whatever is asked for; the key set has a type of its own and takes no other.
  if (endpoint === 'log') return 'application/json'
  if (endpoint === 'keys') return 'application/jwk-set+json,application/json'
  if (accept === undefined || accept.trim() === '')
    return endpoint === 'text' ? 'text/plain' : 'application/json'
  if (accept === 'application/json') return accept
  const clauses = accept.split(',')
  if (clauses.length > MOST_CLAUSES) return notAcceptable('too many media types in Accept')
  const kept: string[] = []
  for (const clause of clauses) {
    const rewritten = rewriteClause(clause, endpoint)
    if (rewritten !== undefined && !kept.includes(rewritten)) kept.push(rewritten)
  }
  return kept.length === 0 ? notAcceptable('Accept names no media type that can be checked') : kept.join(',')
}

/** The same without tables, whose columns may show any field under any name; null when nothing is left. */
export function withoutTables(accept: string): string | null {
  const kept = accept.split(',').filter(clause => !/;\s*as=Table(?:;|$)/.test(clause))
  return kept.length === 0 ? null : kept.join(',')
}

function rewriteClause(clause: string, endpoint: ReturnType<typeof endpointOf>): string | undefined {
  const [type = '', ...parameters] = clause.split(';').map(part => part.trim())
  const mediaType = type.toLowerCase()
  const target = targetOf(mediaType, endpoint)
  if (target === undefined) return undefined
  let text = target
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=')
    const name = parameter.slice(0, equals)
    const value = parameter.slice(equals + 1)
    if (equals < 0 || !KEPT_PARAMETERS.has(name)) continue
    if (name === 'q') {
      if (!QUALITY.test(value)) continue
      if (Number(value) === 0) return undefined
    } else {
      // Upstream ignores a clause whose transformation it does not know; so do we, before it can mean anything.
      if (!PARAMETER_VALUE.test(value) || (name === 'as' && !TRANSFORMS.has(value))) return undefined
      if (target !== 'application/json') continue
    }
    text += `;${name}=${value}`
  }
  return text
}

function targetOf(mediaType: string, endpoint: ReturnType<typeof endpointOf>): string | undefined {
  if (endpoint === 'openapi' && OPENAPI.test(mediaType)) return mediaType
  if (endpoint === 'text') {
    if (METRICS.has(mediaType)) return mediaType
    return mediaType === '*/*' || mediaType === 'text/*' || mediaType === 'application/json'
      ? 'text/plain'
      : undefined
  }
  return AS_JSON.has(mediaType) ? 'application/json' : undefined
}

function notAcceptable(detail: string): RefusedRequest {
  return { refused: true, check: 'accept', code: 'not-acceptable', detail }
}
