import { Refusal } from '../errors/refusal.ts'
import type { ParsedRequest } from '../kubernetes/request/contract.ts'
import type { SessionDescriptor, UpstreamCall } from '../tunnel/contract.ts'

const BODY_LIMIT = 64 * 1024
const DISCOVERY_ROOTS: ReadonlySet<string> = new Set(['api', 'apis', 'openapi', 'version'])
const DISCOVERY_PARAMETERS: ReadonlySet<string> = new Set(['timeout', 'hash'])

/**
 * Mode `agent`: calls of the gateway itself, sent under the agent's own credential without impersonation. There is
 * this fixed list of them and no more; each is checked on the parsed request, purpose by purpose. Throws Refusal
 * `denied-by-agent`.
 */
export function checkOwnCall(call: UpstreamCall, parsed: ParsedRequest): void {
  const { identity } = call
  if (identity.user !== '' || identity.groups.length > 0 || identity.extra.length > 0) {
    throw denied('a call of the gateway itself names no identity')
  }
  if (!isAllowed(call, parsed, identity.purpose)) {
    throw denied(`this is no ${identity.purpose ?? 'known'} call`)
  }
}

function isAllowed(
  call: UpstreamCall,
  parsed: ParsedRequest,
  purpose: SessionDescriptor['purpose'],
): boolean {
  switch (purpose) {
    case 'tokenreview':
      return isReview(call, parsed, 'authentication.k8s.io', 'tokenreviews')
    case 'accessreview':
      return isReview(call, parsed, 'authorization.k8s.io', 'subjectaccessreviews')
    case 'discovery':
      return isDiscovery(call, parsed)
    case 'jwks':
      return isKeySet(call, parsed)
    default:
      return false
  }
}

function isReview(call: UpstreamCall, parsed: ParsedRequest, group: string, resource: string): boolean {
  const { segments } = parsed
  return (
    parsed.method === 'POST' &&
    segments.length === 4 &&
    segments[0] === 'apis' &&
    segments[1] === group &&
    segments[2] === 'v1' &&
    segments[3] === resource &&
    parsed.query.length === 0 &&
    parsed.headers.get('content-type') === 'application/json' &&
    call.body !== null &&
    call.body.length <= BODY_LIMIT
  )
}

/** `/api`, `/api/v1`, `/apis`, `/apis/GROUP`, `/apis/GROUP/VERSION`, `/openapi/…`, `/version`: never an object. */
function isDiscovery(call: UpstreamCall, parsed: ParsedRequest): boolean {
  const { segments, info } = parsed
  const root = segments[0] ?? ''
  const depth = root === 'apis' ? 3 : root === 'api' ? 2 : root === 'version' ? 1 : 6
  return (
    parsed.method === 'GET' &&
    call.body === null &&
    !info.isResource &&
    DISCOVERY_ROOTS.has(root) &&
    segments.length <= depth &&
    parsed.query.every(([name]) => DISCOVERY_PARAMETERS.has(name))
  )
}

function isKeySet(call: UpstreamCall, parsed: ParsedRequest): boolean {
  const path = parsed.segments.join('/')
  return (
    parsed.method === 'GET' &&
    call.body === null &&
    parsed.query.length === 0 &&
    (path === '.well-known/openid-configuration' || path === 'openid/v1/jwks')
  )
}

function denied(detail: string): Refusal {
  return new Refusal('denied-by-agent', { check: 'agent/own-call', detail })
}
