import type { ParsedRequest } from '../request/contract.ts'
import { upstreamWarnings } from './warnings.ts'

/** What of the caller's own headers goes on beside Accept and Content-Type, which are written anew. */
const REQUEST_HEADERS = ['user-agent', 'kubectl-command', 'kubectl-session'] as const
/** Revalidation: discovery and OpenAPI answer 304, resources never do. */
const CONDITIONAL_HEADERS = ['if-none-match', 'if-modified-since'] as const

/**
 * The headers of the rebuilt request, flat with lower-case names. No identity is among them (the agent writes it),
 * no Range, no cookie, nothing that Connection could name.
 */
export function requestHeadersToForward(
  parsed: ParsedRequest,
  accept: string,
  body: { readonly bytes: Uint8Array | null; readonly mediaType: string },
): string[] {
  const headers = ['accept', accept, 'accept-encoding', 'identity']
  if (body.bytes !== null && body.mediaType !== '') headers.push('content-type', body.mediaType)
  for (const name of REQUEST_HEADERS) copy(parsed, name, headers)
  if (!parsed.info.isResource) for (const name of CONDITIONAL_HEADERS) copy(parsed, name, headers)
  return headers
}

function copy(parsed: ParsedRequest, name: string, headers: string[]): void {
  const value = parsed.headers.get(name)
  if (value !== undefined) headers.push(name, value)
}

const ANSWER_HEADERS = new Set([
  'allow',
  'cache-control',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'retry-after',
  'vary',
  'x-kubernetes-pf-flowschema-uid',
  'x-kubernetes-pf-prioritylevel-uid',
])
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * The headers of the answer that reach the caller, flat. Set-Cookie, WWW-Authenticate, Location, lengths, trailers
 * and hop-by-hop fields stay behind. `callId` is the Audit-Id: the same that went upstream.
 */
export function answerHeadersToForward(headers: readonly string[], callId: string): string[] {
  const kept = ['audit-id', callId]
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!
    if (ANSWER_HEADERS.has(name) && FIELD_VALUE.test(headers[i + 1]!)) kept.push(name, headers[i + 1]!)
  }
  for (const warning of upstreamWarnings(headers)) kept.push('warning', warning)
  return kept
}
