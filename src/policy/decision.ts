import type { Connection } from '../connections/connection.ts'
import type { Session } from '../connections/session.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import type { Requirement } from './requirement.ts'

export type Effect = 'allow' | 'deny' | 'hold'

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
  /** SHA-256 of the policy set that decided, `sha256:` + hex. */
  readonly policyDigest: string
}

/** What a rule may look at beside the action. */
export interface Circumstances {
  readonly session: Session
  readonly connection: Connection
  /** Milliseconds since the epoch. */
  readonly now: number
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
  decide(action: Action, circumstances: Circumstances): Decision
}
