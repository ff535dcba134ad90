import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Recorded } from '../api/record.ts'
import { Refusal } from '../errors/refusal.ts'
import { isLinkToken } from '../notify/links/tokens.ts'
import type { PageServices } from './services.ts'
import type { Viewer } from './views/shell.ts'

/** One request of a browser. */
export interface Visit {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query: URLSearchParams
  /** As the browser sees this gateway: `name:port`. */
  readonly host: string
  readonly headers: IncomingHttpHeaders
  readonly request: IncomingMessage | Http2ServerRequest
  readonly recorded: Recorded
  /** Aborts when the browser leaves or this process shuts down. */
  readonly gone: AbortSignal
}

/** One by somebody who is signed in. */
export interface SignedVisit extends Visit {
  readonly viewer: Viewer
  /** Of the sign-in. */
  readonly signIn: string
}

/** Identifiers that we make; anything else has no place in an address or a header. */
export const ID = '[A-Za-z0-9-]{1,64}'

export function isId(text: string): boolean {
  return new RegExp(`^${ID}$`).test(text)
}

/** Where a target of a sign-in is: an approval, another page of its own name, an account of a channel to link, or the inbox. */
export function addressOf(to: string): string {
  if (isLinkToken(to)) return `/approvals/link?token=${to}`
  return to === '' ? '/approvals' : `/approvals/${to}`
}

/** Throws Refusals 400 and 405. The query stays out of the record: codes and states are in it. */
export function visitOf(
  request: IncomingMessage | Http2ServerRequest,
  recorded: Recorded,
  gone: AbortSignal,
): Visit {
  const { method, headers } = request
  if (method !== 'GET' && method !== 'POST') {
    throw new Refusal('method-not-allowed', { check: 'method', detail: 'pages take GET and POST' })
  }
  const host = ('authority' in request ? request.authority : headers.host) ?? ''
  if (!/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(host)) {
    throw new Refusal('input-invalid', { check: 'host', detail: 'the host of the request is not a name' })
  }
  const [path = '', ...rest] = (request.url ?? '').split('?')
  return { method, path, query: new URLSearchParams(rest.join('?')), host, headers, request, recorded, gone }
}

export function recordedOf(
  { api, shown }: Pick<PageServices, 'api' | 'shown'>,
  request: IncomingMessage | Http2ServerRequest,
): Recorded {
  const { socket } = request
  const [path = ''] = (request.url ?? '').split('?')
  return {
    call: api.newCallId(),
    client: {
      address: socket?.remoteAddress ?? '',
      port: socket?.remotePort ?? 0,
      userAgent: shown((request.headers['user-agent'] ?? '').slice(0, 256)),
    },
    method: request.method ?? '',
    uri: shown(path.slice(0, 2048)),
    startedAt: api.now(),
  }
}
