import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { Html } from './html.ts'

export interface Reply {
  readonly status: number
  readonly body: Html | string
  /** Media type; of a page: text/html. */
  readonly type?: string
  readonly cookies?: readonly string[]
  readonly location?: string
  /** Of what never changes while this process runs. */
  readonly lasting?: boolean
  readonly retryAfter?: number
}

export function show(body: Html, status = 200): Reply {
  return { status, body }
}

/** To another page of ours, with GET. */
export function goTo(location: string, cookies: readonly string[] = []): Reply {
  return { status: 303, body: '', location, cookies }
}

/**
 * What a browser may do with our pages: nothing but show them, run our one script, and send our forms back to us. Nobody
 * may put them into a frame (CSP Level 3; X-Frame-Options for those who do not know it).
 */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

export function send(response: ServerResponse | Http2ServerResponse, reply: Reply, call: string): void {
  const body = Buffer.from(reply.body instanceof Html ? `<!doctype html>\n${reply.body.text}` : reply.body)
  ;(response as ServerResponse).writeHead(reply.status, {
    'x-request-id': call,
    'content-type': reply.type ?? 'text/html; charset=utf-8',
    'content-length': body.length,
    'content-security-policy': POLICY,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    // Not `no-referrer`: with it browsers send forms with `Origin: null`.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': reply.lasting === true ? 'private, max-age=300' : 'no-store',
    ...(reply.location === undefined ? {} : { location: reply.location }),
    ...(reply.cookies === undefined || reply.cookies.length === 0
      ? {}
      : { 'set-cookie': [...reply.cookies] }),
    ...(reply.retryAfter === undefined ? {} : { 'retry-after': String(reply.retryAfter) }),
  })
  response.end(body)
}
