/**
 * Every way in which Sallyport refuses or fails, once. A code is stable: clients, dashboards and the error
 * page are keyed by it. `status` is the HTTP status, `reason` the `metav1.Status` reason
 * (apimachinery `pkg/apis/meta/v1/types.go`), `next` what the caller can do about it.
 */
export interface CatalogueEntry {
  readonly status: number
  readonly reason: string
  readonly summary: string
  /** Why this happens, as a sentence; for the error page, not for the message. */
  readonly cause: string
  readonly next: string
}

export const catalogue = {
  'credential-missing': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the request carries no credential',
    cause:
      'No Authorization header came with the request: kubectl has no credential plugin for this context, or a client talks to the gateway directly.',
    next: 'sign in with: sallyport login',
  },
  'credential-ambiguous': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the request carries more than one credential',
    cause: 'Two credentials in one request could be read differently by two programs, so neither is used.',
    next: 'send exactly one Authorization header',
  },
  'credential-invalid': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the credential could not be verified',
    cause:
      'The token is not one of a trusted issuer, is for another audience or connection, or was changed on its way.',
    next: 'sign in again with: sallyport login',
  },
  'credential-expired': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the credential has expired',
    cause:
      'Tokens are short-lived on purpose; the clock of this machine may also be wrong: sallyport doctor tells.',
    next: 'sign in again with: sallyport login',
  },
  'credential-unverifiable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'the issuer that must verify this credential cannot be reached',
    cause:
      'The keys of the issuer, or the API server that reviews a service-account token, could not be asked, and no answer is known that is fresh enough.',
    next: 'try again shortly; the operator sees the issuer in: sallyport status',
  },
  'connection-unknown': {
    status: 404,
    reason: 'NotFound',
    summary: 'there is no such connection',
    cause: 'The name in the path or host is not a connection of this gateway, or is one that was removed.',
    next: 'list yours with: sallyport connection list',
  },
  'session-ended': {
    status: 401,
    reason: 'Unauthorized',
    summary: 'the session has ended or was revoked',
    cause: 'Somebody ended or revoked it, the sign-in behind it was ended, or it was not used for too long.',
    next: 'sign in again with: sallyport login',
  },
  'request-ambiguous': {
    status: 400,
    reason: 'BadRequest',
    summary: 'the request can be read in more than one way, or in a way no Kubernetes client writes it',
    cause:
      'A request that two programs could read differently is how rules are walked around, so it is refused before it is judged.',
    next: 'send the request as a Kubernetes client would',
  },
  'request-too-large': {
    status: 413,
    reason: 'RequestEntityTooLarge',
    summary: 'the request body is larger than 3 MiB, or nested too deeply',
    cause: 'kube-apiserver has the same limit of 3 MiB; nesting is limited because a judge must finish.',
    next: 'split the request',
  },
  'headers-too-large': {
    status: 431,
    reason: 'BadRequest',
    summary: 'the header fields of the request are larger than 64 KiB',
    cause: 'Very large cookies or tokens with hundreds of groups are the usual reason.',
    next: 'send fewer or shorter headers',
  },
  'media-type-unsupported': {
    status: 415,
    reason: 'UnsupportedMediaType',
    summary: 'the request body is in a form that cannot be judged',
    cause: 'A body that cannot be read cannot be judged, so it is not passed on.',
    next: 'send application/json, application/yaml or Kubernetes protobuf of a built-in kind',
  },
  'not-acceptable': {
    status: 406,
    reason: 'NotAcceptable',
    summary: 'none of the accepted media types can be checked on the way back',
    cause: 'What comes back has to be recorded and checked; a form that cannot be read cannot be.',
    next: 'accept application/json',
  },
  'method-not-allowed': {
    status: 405,
    reason: 'MethodNotAllowed',
    summary: 'this method is not used by the Kubernetes API',
    cause: 'kube-apiserver maps other methods to no verb that a rule could name.',
    next: 'use GET, POST, PUT, PATCH or DELETE',
  },
  'upgrade-unsupported': {
    status: 400,
    reason: 'BadRequest',
    summary: 'exec, attach, port-forward and WebSocket are not carried by this version',
    cause: 'Streams such as exec are not recorded by this version, and what is not recorded is not carried.',
    next: 'use requests without an upgrade',
  },
  'denied-by-policy': {
    status: 403,
    reason: 'Forbidden',
    summary: 'policy does not allow this action',
    cause: 'A rule denies it, or no rule allows it: what nothing allows is denied.',
    next: 'ask why with: sallyport why <request id>',
  },
  'access-ended': {
    status: 403,
    reason: 'Forbidden',
    summary: 'what allowed this call is no longer so',
    cause:
      'A watch, a followed log or another long answer was under way when policy changed, a grant was revoked or ended, or its connection was removed. Judged again, it is not allowed any more.',
    next: 'ask why with: sallyport why <request id>',
  },
  'masking-changed': {
    status: 410,
    reason: 'Expired',
    summary: 'what is masked has changed; ask anew',
    cause:
      'A watch, a followed log or another long answer was under way when other masking rules came into force for it, or an exemption ended. What follows is masked by the new rules, so it begins anew; clients that watch do that by themselves.',
    next: 'ask for it again',
  },
  'reason-required': {
    status: 403,
    reason: 'Forbidden',
    summary: 'policy wants to know why',
    cause:
      'A rule lets this happen only when the caller has said why, and where people approve it, when they say why, too.',
    next: 'say it: sallyport session reason "TEXT", and repeat (programs: header Sallyport-Reason); with an approval: --reason "TEXT"',
  },
  'rate-limited': {
    status: 429,
    reason: 'TooManyRequests',
    summary: 'a limit of policy was reached',
    cause: 'A rule lets only so many such requests through in a stretch of time.',
    next: 'try again after the time in Retry-After',
  },
  'approval-pending': {
    status: 429,
    reason: 'TooManyRequests',
    summary: 'this waits for an approval',
    cause:
      'A rule holds this action until somebody approves it. It is held in place as long as its client waits; then the client is asked to come back, and finds the same approval. What is done to Sallyport itself is never held in place.',
    next: 'repeat the same command when it is approved; see it with: sallyport approval list',
  },
  'approval-denied': {
    status: 403,
    reason: 'Forbidden',
    summary: 'an approver has denied this',
    cause: 'A rule holds this action until somebody approves it, and somebody decided against it.',
    next: 'talk to the approver; the reason is above if there is one',
  },
  'approval-expired': {
    status: 403,
    reason: 'Forbidden',
    summary: 'nobody approved this in time',
    cause: 'A rule holds this action until somebody approves it, and its time is over.',
    next: 'repeat the same command to ask again',
  },
  'approval-closed': {
    status: 409,
    reason: 'Conflict',
    summary: 'this approval or grant is not open any more',
    cause:
      'It was decided, has ended, was cancelled or revoked, or somebody else acted on it at the same moment.',
    next: 'see it with: sallyport approval show ID',
  },
  'approval-impossible': {
    status: 422,
    reason: 'Invalid',
    summary: 'no approval can be asked for like this',
    cause:
      'Only what a rule holds for a time can be asked for ahead: what nothing holds needs no approval, and some rules are approved request by request.',
    next: 'make the request itself: if it needs an approval, it waits for one',
  },
  'approver-required': {
    status: 403,
    reason: 'Forbidden',
    summary: 'this is for others to decide',
    cause: 'The rule that holds the action names who may approve it; machines may never.',
    next: 'see who may decide with: sallyport approval show ID',
  },
  'page-required': {
    status: 403,
    reason: 'Forbidden',
    summary: 'this is approved on the approval page only, after a fresh sign-in',
    cause:
      'The rule that holds the action says so: whoever approves it must have proved who he is in the last five minutes, and has to see what he approves.',
    next: 'open the approval page of the gateway in a browser and sign in again there',
  },
  'link-refused': {
    status: 403,
    reason: 'Forbidden',
    summary: 'this account of a channel cannot be linked like this',
    cause:
      'Whoever is linked to an account of a chat or tracker decides from there in his own name. So a link is made once, by the person himself, within ten minutes, right after a sign-in, and never over another one.',
    next: 'begin again in the channel, and open the link that it then shows to you alone',
  },
  'form-refused': {
    status: 403,
    reason: 'Forbidden',
    summary: 'the form was not sent by the approval page itself',
    cause:
      'What a browser sends for somebody counts only when it comes from a page that this gateway has shown to this person: other pages could send it in his name.',
    next: 'open the approval page anew and try again',
  },
  'masked-value': {
    status: 422,
    reason: 'Invalid',
    summary: 'the request holds the placeholder of a masked value where its value cannot be kept',
    cause:
      'What is read through Sallyport shows placeholders for secret values. One that is written back to the same place of the same object keeps the value; one in another place would overwrite a value or copy a secret.',
    next: 'leave the placeholder where it was read, leave the field out of the patch, or write the real value',
  },
  'masked-selector': {
    status: 400,
    reason: 'BadRequest',
    summary: 'the selector compares a value that is masked',
    cause:
      'Whoever may select by a value that is not shown could guess it: what is listed would tell whether the guess is right.',
    next: 'select by another field or label, or by name',
  },
  'denied-by-agent': {
    status: 403,
    reason: 'Forbidden',
    summary: "the agent's own ceiling does not allow this action",
    cause: 'The agent judges each call again by a ceiling that only its own operator can change.',
    next: "ask the agent's operator",
  },
  'audit-unavailable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'the audit log cannot be written, so nothing is forwarded',
    cause:
      'The disk of the log is full or broken, or did not answer in time; what cannot be recorded does not happen.',
    next: 'the operator sees the cause in: sallyport status',
  },
  'state-unavailable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'the state store cannot be read or written, so sessions and revocations cannot be checked',
    cause: 'The store did not answer, so a session that was revoked could not be told from one that is live.',
    next: 'try again shortly; the operator sees the cause in: sallyport status',
  },
  'agent-unavailable': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'no agent of this connection is reachable',
    cause: 'The agent was not started, lost its network, or its certificate was removed.',
    next: 'try again shortly; the operator starts one with: sallyport agent run',
  },
  'binding-failed': {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'the rights of this session could not be set up on the cluster',
    cause:
      'A role that the connection maps does not exist, the binder lacks a right, or the API server did not see the binding in time. Nothing of it was left behind.',
    next: 'try again shortly; the operator finds the missing right with: sallyport connection doctor NAME',
  },
  'upstream-unreachable': {
    status: 502,
    reason: 'BadGateway',
    summary: 'the agent could not reach the upstream',
    cause:
      'The API server is down, its address or CA in the credential of the agent is wrong, or a firewall is between them.',
    next: 'the operator finds the broken leg with: sallyport connection doctor NAME',
  },
  'upstream-answer-refused': {
    status: 502,
    reason: 'BadGateway',
    summary: 'the upstream gave an answer that cannot be passed on safely',
    cause: 'The answer was in a form that was not asked for, or broke the rules of HTTP.',
    next: 'report the request id to the operator',
  },
  'upstream-timeout': {
    status: 504,
    reason: 'Timeout',
    summary: 'the upstream did not answer in time',
    cause:
      'The API server, or a webhook that it asks, was too slow; whether a change happened is in the record.',
    next: 'try again',
  },
  'input-invalid': {
    status: 400,
    reason: 'BadRequest',
    summary: 'the request to the management API does not match its schema',
    cause: 'A field is missing, has the wrong type, or is not known.',
    next: 'compare it with the description at /openapi.json',
  },
  'document-invalid': {
    status: 422,
    reason: 'Invalid',
    summary: 'a document is not valid',
    cause: 'Unknown fields and values are errors, because a rule with a spelling mistake protects nothing.',
    next: 'correct the lines named in the errors, then check with: sallyport policy check',
  },
  'resource-unknown': {
    status: 404,
    reason: 'NotFound',
    summary: 'there is no such thing on this gateway',
    cause: 'It was never there, was removed, or the path is not one of this API.',
    next: 'look for its name in a list, for instance: sallyport get connections',
  },
  conflict: {
    status: 409,
    reason: 'Conflict',
    summary: 'somebody else changed it in the meantime, or a file of the configuration directory owns it',
    cause: 'Two people wrote the same document, or it belongs to a file that only its owner changes.',
    next: 'look at the present state with: sallyport diff -f FILE',
  },
  'second-person-required': {
    status: 403,
    reason: 'Forbidden',
    summary: 'this takes another person',
    cause:
      'What was sealed is opened, and keys are destroyed, only when one person asks and another one approves; neither may be a machine, and nobody approves the opening of his own values.',
    next: 'ask somebody else who has the right',
  },
  'reveal-closed': {
    status: 409,
    reason: 'Conflict',
    summary: 'this reveal cannot be used now',
    cause: 'It was not approved yet, was denied, has ended, or was used: an approval opens one thing once.',
    next: 'look at its state with: sallyport reveal list',
  },
  'legal-hold': {
    status: 409,
    reason: 'Conflict',
    summary: 'a legal hold forbids to destroy this',
    cause: 'Somebody has put the day, a session or a person of that day under a hold.',
    next: 'see the holds with: sallyport hold list',
  },
  'too-many-requests': {
    status: 429,
    reason: 'TooManyRequests',
    summary: 'a limit of this gateway was reached',
    cause: 'Too many requests at once by one person, or too many failed sign-ins from one address.',
    next: 'try again after the time in Retry-After',
  },
  'request-timeout': {
    status: 408,
    reason: 'Timeout',
    summary: 'the request did not arrive in time',
    cause: 'The network is slow or broken, or a client kept a connection open without finishing its request.',
    next: 'try again',
  },
  draining: {
    status: 503,
    reason: 'ServiceUnavailable',
    summary: 'this gateway is shutting down',
    cause: 'It is being restarted or moved; those requests that it has begun are finished.',
    next: 'try again at once; another replica answers',
  },
  internal: {
    status: 500,
    reason: 'InternalError',
    summary: 'an error of Sallyport itself',
    cause: 'A fault in the program; the record of the request and the log of the gateway hold the details.',
    next: 'report the request id',
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof catalogue
