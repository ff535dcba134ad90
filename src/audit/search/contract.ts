import type { EntryKind, Head } from '../entry.ts'
import type { CallPlaces } from '../index/messages.ts'

/** Conditions are joined by "and"; newest first. */
export interface AuditQuery {
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string
  /** User name, or the principal's key (JSON of issuer and subject). */
  readonly principal?: string
  readonly connection?: string
  readonly session?: string
  readonly kind?: string
  readonly verb?: string
  readonly group?: string
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly effect?: 'allow' | 'deny' | 'hold'
  /** Any of the rules that decided, `policy/rule`. */
  readonly rule?: string
  /** HTTP status of the answer. */
  readonly code?: number
  /** Milliseconds since the epoch; `until` exclusive. */
  readonly since?: number
  readonly until?: number
  /** Something in the call was masked by this rule of masking. */
  readonly maskedBy?: string
  /** A masked value of the call has this fingerprint. */
  readonly fingerprint?: string
  /** Words (or beginnings of words) that all occur in one entry of the call: in its head or in a body that may be shown. */
  readonly text?: string
}

/** One call: its intent with what the outcome adds; or one state entry. */
export interface AuditRow {
  readonly call: string
  readonly kind: EntryKind
  readonly time: number
  readonly session: string | null
  readonly effect: 'allow' | 'deny' | 'hold' | null
  readonly complete: boolean
  readonly head: Head
  /** Index of its first entry. */
  readonly index: number
}

/** Values that a rule of masking has masked in one place. */
export interface MaskCount {
  readonly rule: string
  readonly connection: string | null
  readonly namespace: string | null
  readonly resource: string | null
  readonly values: number
  readonly calls: number
}

export type MaskReportQuery = Pick<AuditQuery, 'since' | 'until' | 'connection' | 'namespace' | 'maskedBy'>

export interface AuditPage {
  readonly items: readonly AuditRow[]
  readonly next?: string
}

export interface AuditDetail {
  readonly row: AuditRow
  readonly leaves: readonly AuditLeaf[]
  readonly bodies: readonly AuditBody[]
  readonly policyDigest: string | null
}

export interface AuditLeaf {
  readonly index: number
  readonly phase: string
  readonly time: number
  /** Base64, RFC 6962. */
  readonly leafHash: string
  /** Size of the checkpoint whose root the leaf leads to; null while it is in no checkpoint yet. */
  readonly provenAt: number | null
}

export interface AuditBody {
  readonly side: 'request' | 'response'
  /** Empty for a sealed body: not even that is opened. */
  readonly mediaType: string
  readonly bytes: number
  readonly sealed: boolean
  readonly text?: string
  readonly truncated?: boolean
  /** What was masked in it, in order; never a value. */
  readonly masked?: readonly MaskedValue[]
  /** Values masked in all; more than `masked` lists when there are very many. */
  readonly maskedValues?: number
}

export interface MaskedValue {
  /** JSON pointer, or line of a text. */
  readonly pointer: string
  readonly rule: string
  readonly keep: 'raw' | 'fingerprint' | 'none'
  readonly fingerprint?: string
}

export interface IndexStatus {
  readonly state: 'ready' | 'catching-up' | 'failed'
  /** Entries that the index has not taken yet. */
  readonly lag: number
  /** Of the last failure, while it lasts. */
  readonly error?: string
}

export interface AuditIndex {
  search(query: AuditQuery): Promise<AuditPage>
  show(call: string): Promise<AuditDetail | undefined>
  /** Where the records of a call are. */
  places(call: string): Promise<CallPlaces | undefined>
  /** What was masked, where, by which rule: most values first. At most 500 rows. */
  masked(query: MaskReportQuery): Promise<readonly MaskCount[]>
  /** Rows as they become complete; ends when `signal` aborts. */
  tail(query: AuditQuery, signal: AbortSignal): AsyncIterable<AuditRow>
  status(): IndexStatus
  /** Resolves when the index has taken all entries below `size`; rejects when it fails meanwhile. */
  caughtUp(size: number): Promise<void>
  /** Drops everything and reads the log again, while the gateway goes on. */
  rebuild(): Promise<void>
  close(): Promise<void>
}
