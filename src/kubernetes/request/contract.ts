/**
 * What the request parser takes and gives. It sees raw request-target and header strings (Latin-1, as the
 * HTTP layer hands them over), never a `URL`.
 */
export interface RequestHead {
  readonly method: string
  /**
   * What the request line of HTTP/1 says after `HTTP/` (Node parses and passes on `2.0` and `0.9` there); absent for
   * HTTP/2, which has no request line.
   */
  readonly httpVersion?: string
  /** Request-target of HTTP/1.1 or `:path` of HTTP/2, after the connection's prefix was cut off. */
  readonly target: string
  /** Flat name, value, name, value list, as received and in order (`rawHeaders`). Pseudo-headers excluded. */
  readonly rawHeaders: readonly string[]
}

/** The fields of kube-apiserver's RequestInfo (k8s.io/apiserver/pkg/endpoints/request), same names, same values. */
export interface RequestInfo {
  readonly isResource: boolean
  readonly verb: string
  readonly apiPrefix: string
  readonly apiGroup: string
  readonly apiVersion: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  readonly path: string
  readonly fieldSelector: string
  readonly labelSelector: string
}

/** A request with exactly one reading. `target` is rebuilt from `segments` and `query`; only it may be sent on. */
export interface ParsedRequest {
  readonly refused: false
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly info: RequestInfo
  readonly segments: readonly string[]
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly target: string
  /** Content-Type, Accept and the few other headers that classification needs, each seen at most once; lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  readonly upgrade: 'websocket' | 'SPDY/3.1' | null
  readonly impersonate: import('../action.ts').ImpersonationRequest | null
  readonly longRunning: boolean
}

/** `check` is a stable kebab-case name (`empty-segment`, `encoded-slash`, …) listed in the parser's refusal table. */
export interface RefusedRequest {
  readonly refused: true
  readonly check: string
  readonly code: import('../../errors/catalogue.ts').ErrorCode
  readonly detail: string
}
