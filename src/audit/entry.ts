import type { CarriedClaims, ServiceAccountFacts } from '../identity/principal.ts'

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
  | 'approval.request'
  | 'approval.decide'
  | 'approval.close'
  | 'approval.remind'
  | 'approval.escalate'
  | 'approval.delegate'
  | 'approval.delegate-end'
  | 'approval.break-glass'
  | 'approval.review'
  | 'approval.review-overdue'
  | 'grant.revoke'
  | 'channel.link'
  | 'channel.unlink'
  | 'reveal.request'
  | 'reveal.approve'
  | 'reveal.deny'
  | 'reveal.open'
  | 'reveal.expire'
  | 'key.shred'
  | 'key.recipients'
  | 'hold.add'
  | 'hold.release'

export interface NewEntry {
  /** UUIDv7; the request id that the caller sees. intent, frames and outcome of one call share it. */
  readonly call: string
  readonly kind: EntryKind
  readonly phase: Phase
  readonly session: string | null
  readonly effect: 'allow' | 'deny' | 'hold' | null
  readonly policyDigest: string | null
  /** Of `key.shred`: the epoch key that is destroyed. In the leaf, so that a proof needs no other key to see it. */
  readonly epoch?: string
  readonly head: Head
  readonly request?: CapturedBody
  readonly response?: CapturedBody
}

/** Readable facts. Encrypted beside the log, indexed for search, deletable without breaking a proof. */
export interface Head {
  /** All that policy looks at of who acts, so that it can be asked again. */
  readonly principal?: {
    readonly issuer: string
    readonly subject: string
    readonly username: string
    readonly groups: readonly string[]
    readonly kind: string
    readonly method: string
    readonly provider?: string
    readonly displayName?: string
    readonly email?: string
    readonly claims?: CarriedClaims
    readonly startedBy?: readonly string[]
    readonly serviceAccount?: ServiceAccountFacts
  }
  readonly client?: {
    readonly address: string
    readonly port: number
    readonly userAgent: string
    /** `Kubectl-Command` */
    readonly command?: string
  }
  /** Why, in the words of the caller. */
  readonly statedReason?: string
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
  readonly decision?: {
    readonly effect: string
    readonly rules: readonly string[]
    readonly reason: string
    /** When it was made, where that is not the time of the entry; milliseconds since the epoch. */
    readonly at?: number
    /** Policy held it, and people let it pass. */
    readonly approved?: true
    /** Policy held it, nobody approved it, and somebody went on all the same. */
    readonly brokenGlass?: true
    readonly requireReason?: true
    /** Rules with effect limit that it counted against. */
    readonly limits?: readonly string[]
    /** Allowed in part: what each of the rules shows of it. Patterns of namespaces and names, labels as a selector. */
    readonly part?: readonly {
      readonly namespaces?: readonly string[]
      readonly resourceNames?: readonly string[]
      readonly labels?: string
    }[]
  }
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
   * `shown`: may be indexed and shown to readers of the trail. `sealed`: what could not be read for secrets, or
   * shows what somebody exempt from masking saw: written under the sealed key class, opened only by a reveal.
   */
  readonly keyClass: 'shown' | 'sealed'
  /** What was masked in these bytes; only of a `shown` body. */
  readonly delta?: BodyDelta
}

/** From the masked body back to the original. */
export interface BodyDelta {
  /** In the order of `at`, without overlaps; at most `DELTA_FIELDS`. */
  readonly fields: readonly DeltaField[]
}

export const DELTA_FIELDS = 1_000_000

export interface DeltaField {
  /** Bytes from the start of this masked body (of this entry, not of the whole answer) to the replacement. */
  readonly at: number
  /** Bytes of the replacement; 0: the original was left out. */
  readonly length: number
  /** JSON pointer of the value, or the line of a text. */
  readonly pointer: string
  /** 1 to 24 of [a-z0-9-]. */
  readonly rule: string
  /** What the log keeps of the original: sealed, its fingerprint only, or nothing. */
  readonly keep: 'raw' | 'fingerprint' | 'none'
  /** The bytes that stood there. Looked at for `raw` only. */
  readonly original: Uint8Array
  /** 1 to 64 of [A-Za-z0-9_.:-]; looked at unless `keep` is `none`. */
  readonly fingerprint?: string
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
