/**
 * What the checks of an upstream say. `agent check` prints it; whoever else wants to know which locks a cluster has
 * (connection doctor) gets the same object. Nothing secret is in it.
 */
export interface UpstreamChecks {
  readonly connection: string
  /** `v1.36.3`; absent when it could not be read. */
  readonly serverVersion?: string
  /** As whom the cluster sees the credential. */
  readonly sessionUser?: string
  readonly binderUser?: string
  /** What its binder may bind, when it has one; namespace '' is the whole cluster, '*' every place. */
  readonly mayBind?: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[]
  /** In the order in which they were checked. */
  readonly findings: readonly Finding[]
}

export interface Finding {
  /** Stable: `session/everything`, `binder/admission-policy`. */
  readonly check: string
  /**
   * `ok`: the lock is there. `note`: a lock that this cluster cannot have, or that is not needed here. `warning`:
   * works, and is less safe than it could be. `danger`: a stolen credential or gateway reaches what it must not, or
   * the connection cannot work.
   */
  readonly level: 'ok' | 'note' | 'warning' | 'danger'
  /** One sentence. */
  readonly text: string
  /** What to do about it, one sentence. */
  readonly advice?: string
}
