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
  /** Milliseconds after which those who may decide are told once more; absent: never. */
  readonly remindAfter?: number
  /** Who may go on without an approval, by rule; only when every rule that holds the request says so. */
  readonly breakGlass?: readonly BreakGlass[]
  /** One approval is for the burst of one kubectl command; only when every rule that holds the request says so. */
  readonly burst?: true
}

export interface BreakGlass {
  readonly groups?: readonly string[]
  readonly users?: readonly string[]
  /** Milliseconds for which the same action may be repeated. */
  readonly for: number
  /** Milliseconds in which another person must have looked at it. */
  readonly review: number
}

export interface Quorum {
  /** Globs over names, prefix of the issuer included. Both absent: whom policy lets decide. */
  readonly groups?: readonly string[]
  readonly users?: readonly string[]
  readonly count: number
  /** Who counts as well when nobody has decided so many milliseconds after it was asked for; earliest first. */
  readonly escalate?: readonly Escalation[]
  /** Which of the rules asks for it, counted from 0. */
  readonly rule: number
}

export interface Escalation {
  readonly after: number
  readonly groups?: readonly string[]
  readonly users?: readonly string[]
}

/** Of the deadline, when a rule does not say. */
const REMINDED_AT = 0.4
const HOUR = 3_600_000
const DEADLINE = 3_600_000

export function requirementOf(rule: Pick<PolicyRule, 'approval'>): Requirement {
  const { approvers, deadline: limit, grant, reason, page, breakGlass, burst } = rule.approval ?? {}
  const deadline = limit === undefined ? DEADLINE : parseDuration(limit)!
  const remindAfter = reminderOf(rule.approval?.remindAfter, deadline)
  return {
    quorums: (approvers ?? []).map(({ groups, users, count = 1, escalate }) => ({
      ...named({ groups, users }),
      ...{ count, rule: 0 },
      ...(escalate === undefined ? {} : { escalate: escalate.map(escalationOf).sort(byTime) }),
    })),
    deadline,
    grantFor: grant === undefined || grant === 'once' ? null : parseDuration(grant)!,
    reason: reason === 'required',
    ...(page === true ? { page } : {}),
    ...(remindAfter === undefined ? {} : { remindAfter }),
    ...(breakGlass === undefined ? {} : { breakGlass: [breakGlassOf(breakGlass)] }),
    ...(burst === undefined ? {} : { burst: true }),
  }
}

type RuleApproval = NonNullable<PolicyRule['approval']>

function named({
  groups,
  users,
}: {
  groups?: readonly string[] | undefined
  users?: readonly string[] | undefined
}) {
  return { ...(groups === undefined ? {} : { groups }), ...(users === undefined ? {} : { users }) }
}

function reminderOf(text: string | undefined, deadline: number): number | undefined {
  if (text === 'never') return undefined
  return text === undefined ? Math.round(deadline * REMINDED_AT) : parseDuration(text)!
}

function escalationOf(
  one: NonNullable<NonNullable<RuleApproval['approvers']>[number]['escalate']>[number],
): Escalation {
  return { after: parseDuration(one.after)!, ...named(one) }
}

function byTime(a: Escalation, b: Escalation): number {
  return a.after - b.after
}

function breakGlassOf(one: NonNullable<RuleApproval['breakGlass']>): BreakGlass {
  return {
    ...named(one),
    for: one.for === undefined ? HOUR / 4 : parseDuration(one.for)!,
    review: one.review === undefined ? 24 * HOUR : parseDuration(one.review)!,
  }
}

/** Of several rules that hold one request. */
export function joinRequirements(all: readonly Requirement[]): Requirement {
  const once = all.some(one => one.grantFor === null)
  const reminders = all.flatMap(one => one.remindAfter ?? [])
  const canBreak = all.every(one => one.breakGlass !== undefined)
  return {
    quorums: all.flatMap((one, rule) => one.quorums.map(quorum => ({ ...quorum, rule }))),
    deadline: Math.min(...all.map(one => one.deadline)),
    grantFor: once ? null : Math.min(...all.map(one => one.grantFor!)),
    reason: all.some(one => one.reason),
    ...(all.some(one => one.page === true) ? { page: true } : {}),
    ...(reminders.length === 0 ? {} : { remindAfter: Math.min(...reminders) }),
    ...(canBreak ? { breakGlass: all.flatMap(one => one.breakGlass!) } : {}),
    ...(all.every(one => one.burst === true) ? { burst: true } : {}),
  }
}
