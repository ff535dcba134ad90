import type { Grant } from '../approvals/contract.ts'
import type { EntryReceipt } from '../audit/entry.ts'
import type { Connection } from '../connections/connection.ts'
import type { Session } from '../connections/session.ts'
import type { Principal } from '../identity/principal.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import type { ParsedRequest } from '../kubernetes/request/contract.ts'
import type { AnswerMask } from '../masking/answer/answer-mask.ts'
import type { ActiveRules } from '../masking/contract.ts'
import type { Masked } from '../masking/json/json-masker.ts'
import type { Decision } from '../policy/decision.ts'
import type { CollectedAnswer } from '../tunnel/calls/collect.ts'
import type { Answer } from './answer.ts'
import type { Caller } from './caller.ts'
import type { LiveCall } from './live-calls.ts'

/**
 * One request on its way. Each stage returns the exchange with what it learned, so that a later stage cannot be
 * called with less than it needs: the type is the proof. The object itself is one and the same throughout.
 */
export interface Received {
  readonly callId: string
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
  readonly caller: Caller
  /** Name taken from path or host; not yet known to exist. */
  readonly connectionName: string
  /** Request-target without the connection's prefix. */
  readonly target: string
  /** What has been learned so far, for a record of a refusal. */
  readonly progress: Progress
}

/** Filled along the way; read only when an exchange ends early, to record how far it came. */
export interface Progress {
  principal?: Principal
  session?: Session
  connection?: Connection
  action?: KubernetesAction
  decision?: Decision
  /** When it was made; milliseconds since the epoch. */
  decidedAt?: number
  /** Why, in the caller's own words: of this request, or of its session. */
  statedReason?: string
  requestBody?: RequestBody
  /** Set once an intent was handed to the log: whatever happens then needs an outcome. */
  intent?: Promise<EntryReceipt>
  outcomeWritten?: boolean
  /** The approval that lifts the rules which hold this. */
  grant?: {
    readonly id: string
    readonly approval: string
    readonly approvers: readonly string[]
    readonly asked: string
    /** Nobody approved it. */
    readonly brokenGlass?: true
    readonly reason?: string
    /** Milliseconds since the epoch when it ends; absent: it is good once. */
    readonly until?: number
  }
  /** What policy adds to the cluster's answer to a question about oneself. */
  asked?: string
  /** Of an answer that is shown in part. */
  filter?: { readonly hidden: number }
  /** Masked values that the caller wrote back, and the version of the object from which they were restored. */
  restored?: { readonly places: number; readonly resourceVersion: string }
  /** Rules that an exemption switched off for this exchange. */
  exempt?: readonly string[]
  /** The answer shows what the trail must not: it is recorded sealed. */
  sealAnswer?: boolean
  /** An answer that nobody could read, or none may pass on: what of it did not leave, for the sealed record. */
  unreadable?: Unreadable
  /** Entries of phase `frame` that were appended. */
  frames?: number
  /** Bytes of the answer's body that were handed to the caller, of an answer that leaves in frames. */
  bytesOut?: number
  /** How the cluster answered at first, when the request was sent again. */
  firstStatus?: number
  upstream?: { readonly mode: string; readonly user: string; readonly groups: readonly string[] }
  agent?: string
  /** Frees what the exchange holds in registries; called exactly once, at the end. */
  release?: () => void
}

export interface Unreadable {
  readonly chunks: readonly Uint8Array[]
  readonly mediaType: string
  /** Refused by its head, before a byte of it was read. */
  readonly byHead: boolean
  /** Set once the rest was read: `beginning`, when it was too long, too slow, or broke off. */
  readonly kept?: 'whole' | 'beginning'
}

export interface Authenticated extends Received {
  readonly principal: Principal
  /** Verifies the same credential again; for streams that outlive a verification. */
  readonly recheck: () => Promise<Principal>
}

export interface Routed extends Authenticated {
  readonly connection: Connection
}

export interface InSession extends Routed {
  readonly session: Session
}

export interface Classified extends InSession {
  readonly parsed: ParsedRequest
  readonly action: KubernetesAction
  readonly body: RequestBody
  /** What the upstream is asked for, rewritten so that what comes back can be checked. */
  readonly accept: string
  /** Of the objects that the URL stands for, from discovery; null where it names none. */
  readonly answerKind: { readonly group: string; readonly kind: string } | null
  /** A write that is judged by what comes of it. */
  readonly foreseen?: Foreseen | undefined
  /** The cluster would refuse it, so nobody is asked: its own refusal is the answer. */
  readonly refusedAhead?: Answer | undefined
}

export interface Foreseen {
  /** With what comes of it as its body. */
  readonly action: KubernetesAction
  /** The one version of the object for which that is so. Null: it is not known, and was judged as what is not known. */
  readonly version: string | null
  /** What the dry run said; null: there was none. */
  readonly tried: CollectedAnswer | null
}

export interface RequestBody {
  /** What is sent on and recorded; null when there is none. */
  readonly bytes: Uint8Array | null
  readonly mediaType: string
  /** As the trail shows it; absent: it could not be read, and is kept sealed. */
  readonly masked?: Masked
}

export interface Decided extends Classified {
  readonly decision: Decision
  /** What lifts the rules that hold it. */
  readonly grant?: Grant
}

export interface Committed extends Decided {
  /** Resolves when the intent is durable. */
  readonly intent: Promise<EntryReceipt>
}

export interface Answered extends Committed {
  readonly answer: Answer
  /** Of an answer that takes its time: how it is ended when it is allowed no more. */
  live?: LiveCall
}

export interface Masking extends Answered {
  /** What the bytes of the answer go through on their way out. */
  readonly mask: AnswerMask
  readonly maskRules: ActiveRules
}
