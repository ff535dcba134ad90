import type { ErrorCode } from '../../errors/catalogue.ts'
import type { RefusedRequest } from './contract.ts'

interface RequestRefusal {
  readonly code: ErrorCode
  /** Why such a request is refused, in one line. */
  readonly reason: string
}

/**
 * Every check of the request parser, once: the written list of what is refused although kube-apiserver may accept
 * it. Names are stable; documents are generated from this table and the parity test holds the parser to it.
 */
export const requestRefusals = {
  'http-syntax': {
    code: 'request-ambiguous',
    reason: 'the bytes are not an HTTP/1.1 request (the HTTP layer refuses them before any other check)',
  },
  'http-version': {
    code: 'request-ambiguous',
    reason: 'the request line names another version than HTTP/1.0 or HTTP/1.1; kube-apiserver answers 505',
  },
  method: {
    code: 'method-not-allowed',
    reason:
      'the Kubernetes API knows GET, HEAD, POST, PUT, PATCH and DELETE, in capitals, and no other method',
  },
  'method-override': {
    code: 'request-ambiguous',
    reason: 'a header asks for another method than the request line',
  },
  'target-form': {
    code: 'request-ambiguous',
    reason:
      'the request-target must begin with a slash; a target with scheme and host can be read as another host',
  },
  'target-too-long': {
    code: 'request-ambiguous',
    reason: 'the request-target is longer than 32 KiB',
  },
  'target-character': {
    code: 'request-ambiguous',
    reason: 'a space, a control byte, a byte above 0x7e or # stands in the request-target unescaped',
  },
  'bad-escape': {
    code: 'request-ambiguous',
    reason:
      'a percent sign is not followed by two hexadecimal digits; Go drops such a query parameter silently',
  },
  'bad-utf8': {
    code: 'request-ambiguous',
    reason:
      'percent escapes decode to bytes that are not UTF-8, which two programs print and compare differently',
  },
  'empty-segment': {
    code: 'request-ambiguous',
    reason:
      'two slashes in a row: routers disagree, and kube-apiserver reads an empty namespace as all of them',
  },
  'trailing-slash': {
    code: 'request-ambiguous',
    reason:
      'a resource path ends in a slash: kube-apiserver serves it as if it had none, naive matching misses it',
  },
  'dot-segment': {
    code: 'request-ambiguous',
    reason:
      'a path segment is . or .. (also when escaped), which some libraries resolve and kube-apiserver does not',
  },
  'encoded-slash': {
    code: 'request-ambiguous',
    reason: '%2F is one segment before decoding and two after it',
  },
  backslash: {
    code: 'request-ambiguous',
    reason: 'a backslash in the path, plain or escaped, is a separator to some programs',
  },
  'double-encoding': {
    code: 'request-ambiguous',
    reason: 'a path segment still holds a percent sign after decoding; no object name may',
  },
  'control-byte': {
    code: 'request-ambiguous',
    reason: 'an escaped control byte in the path, or in a query parameter where none belongs; NUL anywhere',
  },
  'non-ascii': {
    code: 'request-ambiguous',
    reason: 'a path segment or an object name is not plain ASCII; look-alike letters pass human eyes',
  },
  'legacy-prefix': {
    code: 'request-ambiguous',
    reason:
      'the watch/ and proxy/ path prefixes, deprecated since 1.11, hide the real resource; no client needs them',
  },
  'path-too-deep': {
    code: 'request-ambiguous',
    reason: 'the core API has nothing below a subresource except under proxy',
  },
  'query-semicolon': {
    code: 'request-ambiguous',
    reason:
      'an unescaped ; in the query separates parameters for some programs and makes Go drop the parameter',
  },
  'query-name': {
    code: 'request-ambiguous',
    reason: 'a query parameter has an empty name or one that is not printable ASCII',
  },
  'query-value': {
    code: 'request-ambiguous',
    reason:
      'a switch such as watch has a value that is not plain ASCII; Unicode case folding can turn it off',
  },
  'query-repeated': {
    code: 'request-ambiguous',
    reason: 'a parameter that is read once has several different values',
  },
  'query-too-many': {
    code: 'request-ambiguous',
    reason: 'the query has more than 4096 parameters',
  },
  'selector-unreadable': {
    code: 'request-ambiguous',
    reason:
      'a field selector names one object while the label selector beside it cannot be read with certainty',
  },
  'header-name': {
    code: 'request-ambiguous',
    reason: 'a header name has a character that is no token character',
  },
  'header-value': {
    code: 'request-ambiguous',
    reason: 'a header that is read has a value with control bytes or bytes above 0x7e',
  },
  'header-repeated': {
    code: 'request-ambiguous',
    reason: 'a header that must be there once is there several times',
  },
  'host-repeated': {
    code: 'request-ambiguous',
    reason: 'more than one Host header',
  },
  'host-value': {
    code: 'request-ambiguous',
    reason: 'Host is not a plain host name or address with an optional port',
  },
  'connection-token': {
    code: 'request-ambiguous',
    reason:
      'Connection names something other than keep-alive, close and upgrade; it could delete an identity header',
  },
  'upgrade-unknown': {
    code: 'request-ambiguous',
    reason: 'Upgrade is not exactly websocket or SPDY/3.1 (h2c included)',
  },
  'upgrade-mismatch': {
    code: 'request-ambiguous',
    reason: 'Connection, Upgrade and the Sec-WebSocket headers do not agree on whether this is an upgrade',
  },
  'upgrade-method': {
    code: 'request-ambiguous',
    reason: 'a WebSocket upgrade is a GET, a SPDY upgrade a GET or POST',
  },
  expect: {
    code: 'request-ambiguous',
    reason: 'Expect other than 100-continue; kube-apiserver answers 417',
  },
  'transfer-encoding': {
    code: 'request-ambiguous',
    reason: 'Transfer-Encoding other than a single chunked',
  },
  'content-length': {
    code: 'request-ambiguous',
    reason: 'Content-Length is repeated or not a plain decimal number',
  },
  'length-conflict': {
    code: 'request-ambiguous',
    reason: 'both Content-Length and Transfer-Encoding: two ways to find the end of the body',
  },
  'unexpected-body': {
    code: 'request-ambiguous',
    reason: 'a body on GET, HEAD or an upgrade',
  },
  'content-encoding': {
    code: 'media-type-unsupported',
    reason: 'Content-Encoding other than a single identity or gzip',
  },
  'content-type': {
    code: 'media-type-unsupported',
    reason: 'Content-Type is repeated, malformed, or has a parameter other than charset=utf-8',
  },
  'impersonate-unknown': {
    code: 'request-ambiguous',
    reason: 'a header that begins with Impersonate and is none of User, Group, Uid, Extra-<key>',
  },
  'impersonate-repeated': {
    code: 'request-ambiguous',
    reason: 'Impersonate-User or Impersonate-Uid more than once',
  },
  'impersonate-value': {
    code: 'request-ambiguous',
    reason: 'an impersonation header is empty, not printable ASCII, or has a badly escaped extra key',
  },
  'impersonate-without-user': {
    code: 'request-ambiguous',
    reason: 'impersonated groups, uid or extras without a user; kube-apiserver answers 400 as well',
  },
  'credential-ambiguous': {
    code: 'credential-ambiguous',
    reason:
      'more than one credential: several Authorization headers, several token sub-protocols, or both kinds',
  },
} as const satisfies Record<string, RequestRefusal>

export type RequestCheck = keyof typeof requestRefusals

/** `detail` replaces the table's reason where it can say more; it never repeats what the request holds. */
export function refuse(check: RequestCheck, detail: string = requestRefusals[check].reason): RefusedRequest {
  return { refused: true, check, code: requestRefusals[check].code, detail }
}
