import type { Connection } from '../connections/connection.ts'
import type { Session } from '../connections/session.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import type { Requirement } from './requirement.ts'
import type { Rule } from './rule.ts'
import type { Pace } from './timed.ts'
import type { WantedResult } from './wants-result.ts'

export type Effect = 'allow' | 'deny' | 'hold'

/** What a rule can be: it decides, or it counts what others allow. */
export type RuleEffect = Effect | 'limit'

export interface Decision {
  readonly effect: Effect
  /** `policy/rule` names that made it, the deciding one first. Empty when nothing matched (deny). */
  readonly rules: readonly string[]
  /** A sentence that a caller can read. */
  readonly reason: string
  /** Of a hold: every rule that holds the request; all of them must be satisfied. */
  readonly holds?: readonly string[]
  /** Of a hold: what they ask for together. */
  readonly requirement?: Requirement
  /** Of an allow: only a part of what was asked for is; the rest of the answer must not be shown. */
  readonly part?: Part
  /** SHA-256 of the policy set that decided, `sha256:` + hex. */
  readonly policyDigest: string
  /** Nothing happens before the caller has said why: every allow rule that covers the request asks for it, or a hold rule does. */
  readonly requireReason?: true
  /** Limits that this request counts against; absent: none. */
  readonly limits?: readonly Limit[]
}

/** So many requests in so long a time, of one principal or one session. */
export interface Limit {
  /** `policy/rule` */
  readonly rule: string
  readonly reason: string | undefined
  readonly count: number
  /** Milliseconds. */
  readonly per: number
  readonly of: 'principal' | 'session'
}

/** Each object of the answer is to be asked about by itself (`PolicySet.shows`). */
export interface Part {
  /** What the cluster must be asked for in addition, as a label selector; empty: nothing. */
  readonly selector: string
  /** Whether each object is judged with its labels; else as if it had none. */
  readonly byLabels: boolean
  /** Patterns of the namespaces that rules name, for words; empty: parts that are not whole namespaces. */
  readonly namespaces: readonly string[]
  /** What each rule shows. */
  readonly shown: readonly ShownPart[]
}

/** All of it: nothing is left out of what the caller asked for by what is not here. */
export interface ShownPart {
  /** Patterns. */
  readonly namespaces?: readonly string[]
  /** Patterns. */
  readonly resourceNames?: readonly string[]
  /** As a label selector. */
  readonly labels?: string
}

/** What a rule may look at beside the action. */
export interface Circumstances {
  readonly session: Session
  readonly connection: Connection
  /** Absent: nothing is known of the client, and rules that ask count as in doubt. */
  readonly client?: ClientFacts
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** What the client says of itself, and where it connects from. Empty: it did not say. */
export interface ClientFacts {
  /** Of the connection to the gateway; a load balancer in between is what is seen. */
  readonly address: string
  readonly userAgent: string
  /** `Kubectl-Command`: `kubectl delete`. */
  readonly command: string
}

/** What is done to Sallyport itself: decided by the same engine. */
export interface AdminAction {
  readonly protocol: 'admin'
  /** `audit.search`, `policy.write`, `connection.read`, `session.end`, `agent.enrol`, … */
  readonly verb: string
  readonly resource: string
  readonly name: string
}

export type Action = KubernetesAction | AdminAction

/** A compiled policy set. Pure and synchronous: it sits on the hot path. */
export interface PolicySet {
  readonly digest: string
  /** Sorted by policy name, then as they stand in the policy. */
  readonly rules: readonly Rule[]
  decide(action: Action, circumstances: Circumstances): Decision
  /**
   * Whether one object of an answer may be seen: the action limited to it is allowed, as a whole and without approval.
   * `isReasoned`: the caller has said why.
   */
  shows(action: KubernetesAction, circumstances: Circumstances, isReasoned: boolean): boolean
  /** What must be looked at before this write is decided; null: nothing (`wants-result.ts`). */
  wantsResult(action: KubernetesAction, circumstances: Circumstances): WantedResult | null
  /** How often the decision on a call that goes on may change by time alone. */
  pace(action: KubernetesAction, circumstances: Circumstances): Pace
}
