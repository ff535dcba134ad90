/**
 * Every way in which Sallyport refuses or fails, once. A code is stable: clients, dashboards and the error
 * page are keyed by it. `status` is the HTTP status, `reason` the `metav1.Status` reason
 * (apimachinery `pkg/apis/meta/v1/types.go`), `next` what the caller can do about it.
 */
export interface CatalogueEntry {
  readonly status: number
  readonly reason: string
  readonly summary: string
  readonly next: string
}

export const catalogue = {
  'credential-missing': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the request carries no credential',
    next: 'sign in with: sallyport login',
  },
  'credential-ambiguous': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the request carries more than one credential',
    next: 'send exactly one Authorization header',
  },
  'credential-invalid': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the credential could not be verified',
    next: 'sign in again with: sallyport login',
  },
  'credential-expired': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the credential has expired',
    next: 'sign in again with: sallyport login',
  },
  'credential-unverifiable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'the issuer that must verify this credential cannot be reached',
    next: 'try again shortly; the operator sees the issuer in: sallyport status',
  },
  'connection-unknown': {
    status: 404,
    reason: 'NotFound',
    summary: 'there is no such connection',
    next: 'list yours with: sallyport connection list',
  },
  'session-ended': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the session has ended or was revoked',
    next: 'sign in again with: sallyport login',
  },
  'request-ambiguous': {
    status: 400,
    reason: 'BadRequest',
    summary: 'the request can be read in more than one way, or in a way no Kubernetes client writes it',
    next: 'send the request as a Kubernetes client would',
  },
  'request-too-large': {
    status: 413,
    reason: 'RequestEntityTooLarge',
    summary: 'the request body is larger than 3 MiB, or nested too deeply',
    next: 'split the request',
  },
  'headers-too-large': {
    status: 431,
    reason: 'BadRequest',
    summary: 'the header fields of the request are larger than 64 KiB',
    next: 'send fewer or shorter headers',
  },
  'media-type-unsupported': {
    status: 415,
    reason: 'UnsupportedMediaType',
    summary: 'the request body is in a form that cannot be judged',
    next: 'send application/json, application/yaml or Kubernetes protobuf of a built-in kind',
  },
  'not-acceptable': {
    status: 406,
    reason: 'NotAcceptable',
    summary: 'none of the accepted media types can be checked on the way back',
    next: 'accept application/json',
  },
  'method-not-allowed': {
    status: 405,
    reason: 'MethodNotAllowed',
    summary: 'this method is not used by the Kubernetes API',
    next: 'use GET, POST, PUT, PATCH or DELETE',
  },
  'upgrade-unsupported': {
    status: 400,
    reason: 'BadRequest',
    summary: 'exec, attach, port-forward and WebSocket are not carried by this version',
    next: 'use requests without an upgrade',
  },
  'denied-by-policy': {
    status: 403,
    reason: 'Forbidden',
    summary: 'policy does not allow this action',
    next: 'ask why with: sallyport why <request id>',
  },
  'approval-required': {
    status: 403,
    reason: 'Forbidden',
    summary: 'this action needs an approval, and this version cannot wait for one',
    next: 'ask the operator for a policy that allows it',
  },
  'denied-by-agent': {
    status: 403,
    reason: 'Forbidden',
    summary: "the agent's own ceiling does not allow this action",
    next: "ask the agent's operator",
  },
  'audit-unavailable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'the audit log cannot be written, so nothing is forwarded',
    next: 'the operator sees the cause in: sallyport status',
  },
  'state-unavailable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'the state store cannot be read or written, so sessions and revocations cannot be checked',
    next: 'try again shortly; the operator sees the cause in: sallyport status',
  },
  'agent-unavailable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'no agent of this connection is reachable',
    next: 'try again shortly; the operator starts one with: sallyport agent run',
  },
  'upstream-unreachable': {
    status: 502,
    reason: 'BadGateway',
    summary: 'the agent could not reach the upstream',
    next: 'the operator finds the broken leg with: sallyport connection doctor',
  },
  'upstream-answer-refused': {
    status: 502,
    reason: 'BadGateway',
    summary: 'the upstream gave an answer that cannot be passed on safely',
    next: 'report the request id to the operator',
  },
  'upstream-timeout': {
    status: 504,
    reason: 'Timeout',
    summary: 'the upstream did not answer in time',
    next: 'try again',
  },
  'input-invalid': {
    status: 400,
    reason: 'BadRequest',
    summary: 'the request to the management API does not match its schema',
    next: 'compare it with the description at /openapi.json',
  },
  'document-invalid': {
    status: 422,
    reason: 'Invalid',
    summary: 'a document is not valid',
    next: 'correct the lines named in the errors, then check with: sallyport policy check',
  },
  'resource-unknown': {
    status: 404,
    reason: 'NotFound',
    summary: 'there is no such thing on this gateway',
    next: 'look for its name in a list, for instance: sallyport get connections',
  },
  conflict: {
    status: 409,
    reason: 'Conflict',
    summary: 'somebody else changed it in the meantime, or a file of the configuration directory owns it',
    next: 'look at the present state with: sallyport diff -f FILE',
  },
  'too-many-requests': {
    status: 429,
    reason: 'TooManyRequests',
    summary: 'a limit of this gateway was reached',
    next: 'try again after the time in Retry-After',
  },
  'request-timeout': {
    status: 408,
    reason: 'Timeout',
    summary: 'the request did not arrive in time',
    next: 'try again',
  },
  draining: {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'this gateway is shutting down',
    next: 'try again at once; another replica answers',
  },
  internal: {
    status: 500,
    reason: 'InternalError',
    summary: 'an error of Sallyport itself',
    next: 'report the request id',
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof catalogue
