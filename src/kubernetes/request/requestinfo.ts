import type { ParsedRequest, RefusedRequest, RequestInfo } from './contract.ts'
import type { ParsedPath } from './path.ts'
import { isSwitchedOn, parameter, type Query } from './query.ts'
import { refuse } from './refusals.ts'
import { nameOfFieldSelector } from './selector.ts'

/** Where a resource path points, before method and query are looked at. */
export interface ResourcePath {
  readonly apiPrefix: 'api' | 'apis'
  readonly apiGroup: string
  readonly apiVersion: string
  readonly namespace: string
  readonly resource: string
  readonly name: string
  readonly subresource: string
}

/** These two stay subresources of a namespace; any other third part is a resource in it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize'])

/**
 * The path half of apiserver's `RequestInfoFactory.NewRequestInfo` (v0.36.3) with kube-apiserver's settings: API
 * prefixes `api` and `apis`, of which `api` has no group. Null: not a resource request. The deprecated prefixes
 * `watch/` and `proxy/` and what the core routes never serve are refused.
 */
export function resourcePath({ segments, trailingSlash }: ParsedPath): ResourcePath | null | RefusedRequest {
  const count = trailingSlash ? segments.length - 1 : segments.length
  const prefix = segments[0]
  if (prefix !== 'api' && prefix !== 'apis') return null
  const versionAt = prefix === 'api' ? 1 : 2
  let at = versionAt + 1
  if (count <= at) return null

  if (segments[at] === 'watch' || segments[at] === 'proxy') return refuse('legacy-prefix')
  let namespace = ''
  if (segments[at] === 'namespaces' && count > at + 1) {
    namespace = segments[at + 1]!
    if (count > at + 2 && !NAMESPACE_SUBRESOURCES.has(segments[at + 2]!)) at += 2
  }
  const subresource = count > at + 2 ? segments[at + 2]! : ''
  const belongsToProxied = prefix === 'api' && subresource === 'proxy'
  if (trailingSlash && !belongsToProxied) return refuse('trailing-slash')
  // Aggregated API servers may route deeper paths; RequestInfo ignores the rest there as well.
  if (count > at + 3 && prefix === 'api' && !belongsToProxied) return refuse('path-too-deep')
  return {
    apiPrefix: prefix,
    apiGroup: prefix === 'apis' ? segments[1]! : '',
    apiVersion: segments[versionAt]!,
    namespace,
    resource: segments[at]!,
    name: count > at + 1 ? segments[at + 1]! : '',
    subresource,
  }
}

/** The other half: the verb, and the name and selectors that a query can give. */
export function requestInfo(
  method: ParsedRequest['method'],
  path: ParsedPath,
  resource: ResourcePath | null,
  query: Query,
): RequestInfo | RefusedRequest {
  if (resource === null) return nonResource(method, path)
  let verb = VERBS[method]
  let name = resource.name
  if (name === '' && verb === 'get') {
    verb = isSwitchedOn(query, 'watch') ? 'watch' : 'list'
    const selected = nameOfFieldSelector(query)
    if (typeof selected !== 'string') return selected
    name = selected
  } else if (name === '' && verb === 'delete') verb = 'deletecollection'
  const selects = verb === 'list' || verb === 'watch' || verb === 'deletecollection'
  return {
    isResource: true,
    verb,
    apiPrefix: resource.apiPrefix,
    apiGroup: resource.apiGroup,
    apiVersion: resource.apiVersion,
    namespace: resource.namespace,
    resource: resource.resource,
    subresource: resource.subresource,
    name,
    path: path.path,
    fieldSelector: selects ? (parameter(query, 'fieldSelector') ?? '') : '',
    labelSelector: selects ? (parameter(query, 'labelSelector') ?? '') : '',
  }
}

const VERBS = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
} as { [method in ParsedRequest['method']]: string }

function nonResource(
  method: ParsedRequest['method'],
  { path, segments, trailingSlash }: ParsedPath,
): RequestInfo {
  const count = trailingSlash ? segments.length - 1 : segments.length
  return {
    isResource: false,
    verb: method.toLowerCase(),
    // Upstream sets the prefix before it finds that the path is too short: /apis/GROUP/VERSION.
    apiPrefix: count === 3 && segments[0] === 'apis' ? 'apis' : '',
    apiGroup: '',
    apiVersion: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    path,
    fieldSelector: '',
    labelSelector: '',
  }
}
