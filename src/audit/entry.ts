/**
 * What the gateway hands to the log. The log turns each into a leaf (a commitment, under 1 KB, no free text),
 * an encrypted head and encrypted bodies, and resolves when all of it is durable.
 */
export type Phase = 'intent' | 'outcome' | 'frame' | 'state'

export type EntryKind =
  | 'k8s.request'
  | 'auth.login'
  | 'auth.logout'
  | 'auth.fail'
  | 'session.open'
  | 'session.close'
  | 'admin.request'
  | 'document.change'
  | 'agent.enrol'
  | 'agent.call'
  | 'log.start'
  | 'log.stop'
  | 'log.recovered'
  | 'log.sealed'
  | 'log.unwitnessed'
  | 'log.witness-conflict'
  | 'log.quota'

export interface NewEntry {
  /** UUIDv7; the request id that the caller sees. intent, frames and outcome of one call share it. */
  readonly call: string
  readonly kind: EntryKind
  readonly phase: Phase
  readonly session: string | null
  readonly effect: 'allow' | 'deny' | 'hold' | null
  readonly policyDigest: string | null
  readonly head: Head
  readonly request?: CapturedBody
  readonly response?: CapturedBody
}

/** Readable facts. Encrypted beside the log, indexed for search, deletable without breaking a proof. */
export interface Head {
  readonly principal?: {
    readonly issuer: string
    readonly subject: string
    readonly username: string
    readonly groups: readonly string[]
    readonly kind: string
    readonly method: string
  }
  readonly client?: { readonly address: string; readonly port: number; readonly userAgent: string }
  readonly connection?: string
  readonly request?: { readonly method: string; readonly uri: string }
  readonly action?: Readonly<Record<string, unknown>>
  readonly upstream?: {
    readonly mode: string
    readonly user: string
    readonly groups: readonly string[]
    /** Of the upstream's own answer, where the call ended with an error of ours; absent then: no answer came. */
    readonly status?: number
  }
  readonly decision?: { readonly effect: string; readonly rules: readonly string[]; readonly reason: string }
  readonly result?: {
    readonly code: number
    readonly reason?: string
    readonly bytesIn: number
    readonly bytesOut: number
    readonly milliseconds: number
    readonly ended: 'complete' | 'aborted-by-caller' | 'aborted-by-upstream' | 'refused' | 'cut'
  }
  readonly error?: { readonly code: string; readonly check?: string; readonly detail?: string }
  readonly agent?: string
  /** Anything else that a kind documents. */
  readonly facts?: Readonly<Record<string, unknown>>
}

export interface CapturedBody {
  readonly chunks: readonly Uint8Array[]
  readonly mediaType: string
  /**
   * `shown`: may be indexed and shown to readers of the trail. `sealed`: Secrets, TokenRequests, CSRs, unknown
   * kinds: written under the sealed key class, never shown or indexed until masking exists.
   */
  readonly keyClass: 'shown' | 'sealed'
}

export interface EntryReceipt {
  readonly index: number
  readonly time: number
}

/** The write side of the log. `append` rejects with Refusal `audit-unavailable` when the log is sealed or a 2 s deadline passes. */
export interface AuditLog {
  readonly origin: string
  readonly sealed: boolean
  /** `soon`: nobody waits for it yet. It goes with the next entry that somebody waits for, or after some milliseconds. */
  append(entry: NewEntry, when?: 'now' | 'soon'): Promise<EntryReceipt>
  close(): Promise<void>
}
