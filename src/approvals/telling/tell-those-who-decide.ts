import { SELF } from '../../audit/acts.ts'
import type { Escalation, Quorum } from '../../policy/requirement.ts'
import type { Change, Stored } from '../../store/store.ts'
import type { Approval, Notice } from '../contract.ts'
import { type ApprovalRecords, moving } from '../records.ts'

/**
 * Reminds, once, and lets further people decide when their time has come. The trail knows of it before anybody can use it.
 */
export async function tellThoseWhoDecide(records: ApprovalRecords, one: Stored<Approval>): Promise<Change> {
  const { value } = one
  const at = records.now()
  const waited = at - value.askedAt
  const notices: Notice[] = []
  const quorums: Quorum[] = []
  for (const quorum of value.requirement.quorums) {
    const due = dueOf(quorum, waited)
    quorums.push(due.length === 0 ? quorum : widened(quorum, due))
    for (const step of due) notices.push({ what: 'escalation', at, text: `escalated to ${namesOf(step)}` })
  }
  if (needsReminder(value, waited)) {
    notices.push({ what: 'reminder', at, text: 'a reminder: nobody has decided yet' })
  }
  for (const { what, text } of notices) {
    const kind = what === 'escalation' ? 'approval.escalate' : 'approval.remind'
    await records.append(kind, one.key, SELF, { approval: one.key, asked: value.sentence, told: text })
  }
  const next: Approval = {
    ...value,
    requirement: { ...value.requirement, quorums },
    notices: [...(value.notices ?? []), ...notices],
  }
  return moving(one, next)
}

/** Whether there is anything to tell: asked of every approval that waits, each second. */
export function hasNews(one: Approval, at: number): boolean {
  const waited = at - one.askedAt
  return (
    needsReminder(one, waited) || one.requirement.quorums.some(quorum => dueOf(quorum, waited).length > 0)
  )
}

const NONE: readonly Escalation[] = []

function dueOf({ escalate }: Quorum, waited: number): readonly Escalation[] {
  return escalate === undefined ? NONE : escalate.filter(step => step.after <= waited)
}

function needsReminder({ requirement: { remindAfter }, notices }: Approval, waited: number): boolean {
  if (remindAfter === undefined || waited < remindAfter) return false
  return notices?.some(notice => notice.what === 'reminder') !== true
}

/** Its seats stay as many; more people can take them. */
function widened({ escalate = [], groups, users, ...rest }: Quorum, due: readonly Escalation[]): Quorum {
  const [allGroups, allUsers] = [
    [...(groups ?? []), ...due.flatMap(step => step.groups ?? [])],
    [...(users ?? []), ...due.flatMap(step => step.users ?? [])],
  ]
  const later = escalate.filter(step => !due.includes(step))
  return {
    ...rest,
    ...(allGroups.length === 0 ? {} : { groups: [...new Set(allGroups)] }),
    ...(allUsers.length === 0 ? {} : { users: [...new Set(allUsers)] }),
    ...(later.length === 0 ? {} : { escalate: later }),
  }
}

function namesOf({ groups = [], users = [] }: Escalation): string {
  return [...groups, ...users].join(', ')
}
