import type { Person } from '../audit/person.ts'
import type { Principal } from '../identity/principal.ts'
import type { Requirement } from '../policy/requirement.ts'
import type { Foresight } from './foresight.ts'
import type { GrantScope } from './scope.ts'

/** A person's recorded answer, asked for because rules hold a request. Kept in the state store, changed by compare-and-set. */
export interface Approval {
  readonly id: string
  readonly state: ApprovalState
  readonly requester: Requester
  readonly session: string | null
  readonly connection: string
  /** `policy/rule` of every rule that holds the request. */
  readonly rules: readonly string[]
  /** Of the first of them, for people. */
  readonly rule: string
  readonly requirement: Requirement
  /** Digest of what is asked for, body included: repetitions of one intent share an approval. */
  readonly intent: string
  /** Digest of the object and the verb, without the body. */
  readonly target: string
  /** What was asked for ahead, in place of a request that waits. */
  readonly scope: GrantScope | null
  /** The object as it was when it was asked for; null where there is none to compare. */
  readonly pin: Pin | null
  /** Made by us from the parsed action, never the words of the requester. */
  readonly sentence: string
  /** Masked facts of the action, as in the trail. */
  readonly action: Readonly<Record<string, unknown>>
  readonly reason: string | null
  readonly foresight: Foresight | null
  /** Two digits that the requester and the approver both see. */
  readonly check: string
  /** Requests that wait for it, or waited: retries and equal commands. */
  readonly calls: readonly string[]
  readonly callCount: number
  readonly policyDigest: string
  readonly askedAt: number
  readonly deadline: number
  readonly decisions: readonly ApprovalDecision[]
  /** What people were told of beside decisions, oldest first. Absent: nothing. */
  readonly notices?: readonly Notice[]
  /** It went on without an approval. */
  readonly brokenGlass?: BrokenGlass
  readonly closedAt?: number
  /** Why it ended without being approved. */
  readonly closedBecause?: string
  readonly grant?: string
}

export type ApprovalState = 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled'

export interface Requester extends Person {
  readonly kind: Principal['kind']
}

export interface Notice {
  readonly what: 'reminder' | 'escalation' | 'break-glass' | 'review-overdue' | 'review'
  readonly at: number
  /** In words, made by us. */
  readonly text: string
}

export interface BrokenGlass {
  readonly by: Person
  readonly reason: string
  readonly ticket: string
  readonly at: number
  /** When another person must have looked at it. */
  readonly reviewBy: number
  readonly overdueAt?: number
  readonly review?: Review
}

export interface Review {
  readonly by: Person
  readonly verdict: 'justified' | 'unjustified'
  readonly note: string
  readonly at: number
}

export interface ApprovalDecision {
  readonly by: Person
  /** Places in `requirement.quorums` for which this person counts. */
  readonly quorums: readonly number[]
  readonly verdict: Verdict
  readonly reason: string | null
  readonly at: number
  /** `cli`, `api`, `page`, or `channel/NAME`. */
  readonly via: string
  /** Milliseconds since it was asked for, or shown to this person, are so few that nobody can have read it. */
  readonly unread: boolean
  /** Whose place he took, who is away. */
  readonly inPlaceOf?: Person
}

/** Somebody who is away lets another person decide in his place, for a time. */
export interface Delegation {
  readonly id: string
  readonly person: Person
  /** Of that person when he delegated: what he holds, and nothing that was delegated to him. */
  readonly groups: readonly string[]
  /** User name of the delegate, prefix included. */
  readonly to: string
  /** Globs over `policy/rule`. */
  readonly rules: readonly string[]
  readonly reason: string | null
  readonly from: number
  readonly until: number
}

export type Verdict = 'approve' | 'deny'

/** One version of one object, as far as a person would care: its status and bookkeeping are left out. */
export interface Pin {
  readonly uid: string
  /** Keyed digest, so that nobody who reads the store can guess the content. */
  readonly digest: string
}

/** The bounded permission that an approval creates. It lifts the rules that it names and nothing else. */
export interface Grant {
  readonly id: string
  readonly approval: string
  readonly rules: readonly string[]
  readonly principal: Requester
  readonly connection: string
  /** For exactly this intent, once; or for this target or scope, as often as wanted. */
  readonly intent: string | null
  readonly target: string
  readonly scope: GrantScope | null
  readonly pin: Pin | null
  readonly sentence: string
  /** User names, for the record of what is done with it. */
  readonly approvers: readonly string[]
  readonly reason: string | null
  readonly grantedAt: number
  /** Absolute: it is not prolonged by use. */
  readonly until: number
  readonly state: 'live' | 'used' | 'revoked'
  /** The request that used it up. */
  readonly usedBy?: string
  readonly endedAt?: number
  readonly revokedBy?: Person
  /** Nobody approved it. */
  readonly brokenGlass?: true
  /** Of one that is good once: its use opens the burst. Of the burst itself: how many more requests. */
  readonly burst?: { readonly left: number }
}

/** A held request, as far as approvals look. */
export interface Wish {
  readonly call: string
  readonly principal: Principal
  readonly session: string | null
  readonly connection: string
  readonly rules: readonly string[]
  readonly requirement: Requirement
  readonly intent: string
  readonly target: string
  readonly sentence: string
  readonly action: Readonly<Record<string, unknown>>
  readonly policyDigest: string
  /** Asked for ahead. */
  readonly scope?: GrantScope
  readonly reason?: string
  readonly foresight?: Foresight
  /** Names the burst of a kubectl command that it belongs to, if rules let one approval be for all of it. */
  readonly burst?: string
  /** Whether the request is within a scope that was granted. */
  isWithin(scope: GrantScope): boolean
}
