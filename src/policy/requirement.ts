import { parseDuration } from '../documents/duration.ts'
import type { PolicyRule } from '../documents/schema/policy.ts'

/** What the rules that hold a request ask for, in one: each quorum of each rule, and the strictest of everything else. */
export interface Requirement {
  /**
   * Each must be filled; those of one rule by different people, while one person may stand for several rules. Empty: one
   * person whom policy lets decide.
   */
  readonly quorums: readonly Quorum[]
  /** Milliseconds in which it must be decided. */
  readonly deadline: number
  /** Milliseconds for which the same thing may be repeated; null: exactly this request, once. */
  readonly grantFor: number | null
  /** The requester must say why. */
  readonly reason: boolean
  /** Approved on the approval page only, after a fresh sign-in. Absent in records of older versions. */
  readonly page?: boolean
}

export interface Quorum {
  /** Globs over names, prefix of the issuer included. Both absent: whom policy lets decide. */
  readonly groups?: readonly string[]
  readonly users?: readonly string[]
  readonly count: number
  /** Which of the rules asks for it, counted from 0. */
  readonly rule: number
}

const DEADLINE = 3_600_000

export function requirementOf(rule: Pick<PolicyRule, 'approval'>): Requirement {
  const { approvers, deadline, grant, reason, page } = rule.approval ?? {}
  return {
    quorums: (approvers ?? []).map(({ groups, users, count = 1 }) => ({
      ...(groups === undefined ? {} : { groups }),
      ...(users === undefined ? {} : { users }),
      ...{ count, rule: 0 },
    })),
    deadline: deadline === undefined ? DEADLINE : parseDuration(deadline)!,
    grantFor: grant === undefined || grant === 'once' ? null : parseDuration(grant)!,
    reason: reason === 'required',
    ...(page === true ? { page } : {}),
  }
}

/** Of several rules that hold one request. */
export function joinRequirements(all: readonly Requirement[]): Requirement {
  const once = all.some(one => one.grantFor === null)
  return {
    quorums: all.flatMap((one, rule) => one.quorums.map(quorum => ({ ...quorum, rule }))),
    deadline: Math.min(...all.map(one => one.deadline)),
    grantFor: once ? null : Math.min(...all.map(one => one.grantFor!)),
    reason: all.some(one => one.reason),
    ...(all.some(one => one.page === true) ? { page: true } : {}),
  }
}
