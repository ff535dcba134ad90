import { Refusal } from '../errors/refusal.ts'
import type { ParsedRequest } from '../kubernetes/request/contract.ts'
import { CHECKS_PATH } from '../tunnel/calls/check-upstream.ts'
import { BINDINGS_PATH } from '../tunnel/calls/session-bindings.ts'
import type { SessionDescriptor, UpstreamCall } from '../tunnel/contract.ts'
import type { IdentityRules } from './identity-headers.ts'
import { SESSION_ID, SESSIONS_NAMESPACE } from './names.ts'

const BODY_LIMIT = 64 * 1024
const API_SERVICE = /^[a-z0-9][a-z0-9.-]{0,252}$/
const DISCOVERY_ROOTS: ReadonlySet<string> = new Set(['api', 'apis', 'openapi', 'version'])
const DISCOVERY_PARAMETERS: ReadonlySet<string> = new Set(['timeout', 'hash'])

/**
 * Mode `agent`: calls of the gateway itself, sent under the agent's own credential without impersonation. There is
 * this fixed list of them and no more; each is checked on the parsed request, purpose by purpose. Throws Refusal
 * `denied-by-agent`. Returns the session whose service account the call deletes, if that is what it does.
 */
export function checkOwnCall(
  call: UpstreamCall,
  parsed: ParsedRequest,
  rules: Pick<IdentityRules, 'upstreamIdentity'>,
): string | undefined {
  const { identity } = call
  if (identity.user !== '' || identity.groups.length > 0 || identity.extra.length > 0) {
    throw denied('a call of the gateway itself names no identity')
  }
  if (identity.purpose === 'session-end') {
    const ended = rules.upstreamIdentity === 'serviceaccount' ? endedSession(call, parsed) : undefined
    if (ended === undefined) throw denied('this is no session-end call')
    return ended
  }
  if (!isAllowed(call, parsed, identity.purpose)) {
    throw denied(`this is no ${identity.purpose ?? 'known'} call`)
  }
  return undefined
}

/** DELETE of one service account that is named as a session is, where only those are. */
function endedSession(call: UpstreamCall, parsed: ParsedRequest): string | undefined {
  const name = parsed.segments[5] ?? ''
  const path = ['api', 'v1', 'namespaces', SESSIONS_NAMESPACE, 'serviceaccounts', name].join('/')
  const whole =
    parsed.method === 'DELETE' &&
    call.body === null &&
    parsed.query.length === 0 &&
    parsed.segments.join('/') === path &&
    SESSION_ID.test(name)
  return whole ? name : undefined
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
    case 'apiservice':
      return isApiService(call, parsed)
    case 'checks':
      return isChecks(call, parsed)
    case 'bind':
      return isBind(call, parsed)
    case 'unbind':
      return isAboutBindings('DELETE', call, parsed)
    case 'bindings':
      return isAboutBindings('GET', call, parsed) || isSweptCall(call, parsed)
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

/** One APIService by its name, which says who serves a group. */
function isApiService(call: UpstreamCall, parsed: ParsedRequest): boolean {
  const { segments } = parsed
  return (
    parsed.method === 'GET' &&
    call.body === null &&
    parsed.query.length === 0 &&
    segments.length === 5 &&
    segments.slice(0, 4).join('/') === 'apis/apiregistration.k8s.io/v1/apiservices' &&
    API_SERVICE.test(segments[4]!)
  )
}

/** Nothing of this call goes upstream: the agent looks by itself, at what it always looks at. */
function isChecks(call: UpstreamCall, parsed: ParsedRequest): boolean {
  return (
    parsed.method === 'GET' &&
    call.body === null &&
    parsed.query.length === 0 &&
    `/${parsed.segments.join('/')}` === CHECKS_PATH
  )
}

/** What the body asks for is judged where it is read: `bindings/answer-bindings.ts`. */
function isBind(call: UpstreamCall, parsed: ParsedRequest): boolean {
  return (
    parsed.method === 'POST' &&
    `/${parsed.segments.join('/')}` === BINDINGS_PATH &&
    parsed.query.length === 0 &&
    parsed.headers.get('content-type') === 'application/json' &&
    call.body !== null &&
    call.body.length <= BODY_LIMIT
  )
}

function isAboutBindings(method: 'GET' | 'DELETE', call: UpstreamCall, parsed: ParsedRequest): boolean {
  const session = parsed.segments.at(-1) ?? ''
  return (
    parsed.method === method &&
    call.body === null &&
    parsed.query.length === 0 &&
    `/${parsed.segments.join('/')}` === `${BINDINGS_PATH}/${session}` &&
    SESSION_ID.test(session)
  )
}

/** What the sweeper has done: nothing of it goes upstream. */
function isSweptCall(call: UpstreamCall, parsed: ParsedRequest): boolean {
  const path = `/${parsed.segments.join('/')}`
  return parsed.method === 'GET' && call.body === null && parsed.query.length === 0 && path === BINDINGS_PATH
}

function denied(detail: string): Refusal {
  return new Refusal('denied-by-agent', { check: 'agent/own-call', detail })
}
