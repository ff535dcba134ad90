import type { ErrorCode } from '../../errors/catalogue.ts'
import { Refusal } from '../../errors/refusal.ts'

interface Verdict {
  readonly code: ErrorCode
  readonly check: string
  readonly detail: string
}

const verdicts: Readonly<Record<string, Verdict>> = {
  UND_ERR_CONNECT_TIMEOUT: unreachable('connect-timeout', 'no connection in time'),
  UND_ERR_HEADERS_TIMEOUT: {
    code: 'upstream-timeout',
    check: 'head-timeout',
    detail: 'no answer in time',
  },
  UND_ERR_BODY_TIMEOUT: {
    code: 'upstream-timeout',
    check: 'body-timeout',
    detail: 'the answer stopped half-way',
  },
  UND_ERR_HEADERS_OVERFLOW: refused('headers-too-large', 'the header fields of the answer are too large'),
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: refused(
    'length-mismatch',
    'the answer is shorter than it says, or framed in two ways',
  ),
  UND_ERR_SOCKET: unreachable('connection-lost', 'the connection broke before the answer was complete'),
  ECONNREFUSED: unreachable('connection-refused', 'ECONNREFUSED'),
  ECONNRESET: unreachable('connection-lost', 'ECONNRESET'),
  EPIPE: unreachable('connection-lost', 'EPIPE'),
  ETIMEDOUT: unreachable('connect-timeout', 'ETIMEDOUT'),
  EHOSTUNREACH: unreachable('no-route', 'EHOSTUNREACH'),
  ENETUNREACH: unreachable('no-route', 'ENETUNREACH'),
  ENOTFOUND: unreachable('name-not-found', 'the host name of the upstream is not known'),
  EAI_AGAIN: unreachable('name-not-found', 'the host name of the upstream could not be looked up'),
}

/**
 * Turns an error of the HTTP client into what a caller may read. The error itself goes no further, not even into a
 * log: it can quote addresses and bytes of an answer. Its name and code do.
 */
export function upstreamRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const facts = error as { name?: unknown; code?: unknown; message?: unknown }
  const name = typeof facts.name === 'string' ? facts.name : 'Error'
  const code = typeof facts.code === 'string' ? facts.code : ''
  const verdict =
    name === 'HTTPParserError'
      ? refused('malformed-answer', 'the answer is not HTTP/1.1')
      : code === 'UND_ERR_SOCKET' && (facts.message === 'bad upgrade' || facts.message === 'bad response')
        ? refused('unasked-switch', 'the upstream switched protocols unasked')
        : Object.hasOwn(verdicts, code)
          ? verdicts[code]!
          : guess(code)
  return new Refusal(verdict.code, {
    check: verdict.check,
    detail: verdict.detail,
    cause: `${name} ${code}`.trimEnd(),
  })
}

function guess(code: string): Verdict {
  if (/^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_)/.test(code)) {
    return unreachable('certificate', `TLS: ${code.slice(0, 64)}`)
  }
  return unreachable('connection-failed', /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'the call failed')
}

function unreachable(check: string, detail: string): Verdict {
  return { code: 'upstream-unreachable', check, detail }
}

function refused(check: string, detail: string): Verdict {
  return { code: 'upstream-answer-refused', check, detail }
}
