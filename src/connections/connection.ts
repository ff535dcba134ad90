import type { BindingRule } from './binding-rule.ts'

/** A named way to one upstream, as the rest of the gateway sees it (built from a `Connection` document). */
export interface Connection {
  readonly name: string
  readonly kind: 'kubernetes'
  /** Host names (SNI and Host) under which the connection is reachable without a path prefix. */
  readonly hosts: readonly string[]
  /** Names of the agents that may serve it, in order of preference; `embedded` is the one in this process. */
  readonly agents: readonly string[]
  readonly upstreamIdentity: UpstreamIdentity
  /** How a principal's groups become upstream groups (mode `principal`). */
  readonly groupMappings: readonly GroupMapping[]
  /** Service accounts of this connection's own cluster are accepted as callers. */
  readonly serviceAccounts: ServiceAccountTrust
  /** `full` keeps request and response bodies, `metadata` only heads and digests. There is no `off`. */
  readonly capture: 'full' | 'metadata'
  /** Whether answers carry warnings of ours (`Warning: 299`); absent means yes. The cluster's own always pass. */
  readonly warnings?: boolean
  /** Milliseconds. */
  readonly session: { readonly idle: number; readonly maximum: number }
  /** Roles that sessions get while they live (modes `session` and `serviceaccount`). */
  readonly bindings?: readonly BindingRule[]
  /** Milliseconds after which an agent may delete bindings of a session that nobody renewed. */
  readonly bindingLease?: number
}

export type UpstreamIdentity = 'principal' | 'session' | 'serviceaccount'

export interface GroupMapping {
  /** A group of the principal, exact. */
  readonly group: string
  /** Upstream groups, each with our prefix. */
  readonly upstream: readonly string[]
}

export interface ServiceAccountTrust {
  readonly enabled: boolean
  /** Other connections whose service-account tokens are accepted here as well. Empty by default. */
  readonly alsoFrom: readonly string[]
  /** Audiences that a token may carry; empty means the API server's own. */
  readonly audiences: readonly string[]
}
