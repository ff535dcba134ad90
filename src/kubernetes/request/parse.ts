import type { ParsedRequest, RefusedRequest, RequestHead, RequestInfo } from './contract.ts'
import { framingFault } from './framing.ts'
import { readHeaders } from './headers.ts'
import { parameterFault } from './parameters.ts'
import { parsePath } from './path.ts'
import { encodeQuery, isSwitchedOn, noQuery, parseQuery, type Query } from './query.ts'
import { refuse } from './refusals.ts'
import { requestInfo, resourcePath } from './requestinfo.ts'
import { upgradeOf } from './upgrade.ts'

const LONGEST_TARGET = 32 * 1024

/**
 * Reads the head of a Kubernetes API request, or says which check it fails (`requestRefusals` has them all). What
 * comes back has exactly one reading, the one of kube-apiserver's RequestInfo, and `target`, `query` and `headers`
 * are all that may be sent on: nothing of the caller's own bytes is.
 */
export function parseRequest(head: RequestHead): ParsedRequest | RefusedRequest {
  const { method, target, httpVersion } = head
  if (httpVersion !== undefined && httpVersion !== '1.1' && httpVersion !== '1.0')
    return refuse('http-version')
  if (!isMethod(method)) return refuse('method')

  if (target.length > LONGEST_TARGET) return refuse('target-too-long')
  const mark = target.indexOf('?')
  const path = parsePath(mark < 0 ? target : target.slice(0, mark))
  if (path.refused) return path
  const resource = resourcePath(path)
  if (resource !== null && 'refused' in resource) return resource

  const query = mark < 0 ? noQuery : parseQuery(target.slice(mark + 1))
  if ('refused' in query) return query
  const passesThrough = resource !== null && resource.apiPrefix === 'api' && resource.subresource === 'proxy'
  const parameter = passesThrough ? null : parameterFault(query)
  if (parameter !== null) return parameter
  const info = requestInfo(method, path, resource, query)
  if ('refused' in info) return info

  const facts = readHeaders(head.rawHeaders)
  if (facts.refused) return facts
  const upgrade = upgradeOf(method, facts)
  if (upgrade !== null && typeof upgrade !== 'string') return upgrade
  const framing = framingFault(method, upgrade !== null, passesThrough, facts.headers)
  if (framing !== null) return framing

  return {
    refused: false,
    method,
    info,
    segments: path.segments,
    query,
    target: query.length === 0 ? path.canonical : path.canonical + encodeQuery(query),
    headers: facts.headers,
    upgrade,
    impersonate: facts.impersonate,
    longRunning: isLongRunning(info, query),
  }
}

function isMethod(method: string): method is ParsedRequest['method'] {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'POST':
    case 'PUT':
    case 'PATCH':
    case 'DELETE':
      return true
    default:
      return false
  }
}

/**
 * kube-apiserver's own list (`BasicLongRunningRequestCheck` as `controlplane/apiserver/config.go` sets it up), but
 * for logs that are not followed: their answers end by themselves.
 */
function isLongRunning(info: RequestInfo, query: Query): boolean {
  if (!info.isResource) return info.path.startsWith('/debug/pprof/')
  switch (info.subresource) {
    case 'attach':
    case 'exec':
    case 'portforward':
    case 'proxy':
      return true
    case 'log':
      return info.verb === 'watch' || isSwitchedOn(query, 'follow')
    default:
      return info.verb === 'watch'
  }
}
