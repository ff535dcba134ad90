import { SELF } from '../../audit/acts.ts'
import { personOf } from '../../audit/person.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Change, Stored } from '../../store/store.ts'
import type { Approval, BrokenGlass, Review } from '../contract.ts'
import { refuseMachine, refuseRequester } from '../may-decide.ts'
import { missingWords, quorumsOf } from '../quorum.ts'
import { type ApprovalRecords, conflict, moving } from '../records.ts'
import { minute } from './break-glass.ts'

export type Judgement = Pick<Review, 'verdict' | 'note'>

/** Another person looks at broken glass: whoever could have approved it, and never who broke it. */
export async function review(
  records: ApprovalRecords,
  by: Principal,
  id: string,
  { verdict, note }: Judgement,
): Promise<Approval> {
  const one = await records.approval(id)
  const { value } = one
  const glass = refuseReviewer(records, value, by)
  const person = personOf(by)
  const at = records.now()
  const overdue = at >= glass.reviewBy
  await records.append('approval.review', id, principalFacts(by), {
    ...{ approval: id, asked: value.sentence, rules: value.rules, verdict, note, ticket: glass.ticket },
    brokenBy: glass.by.username,
    ...(overdue ? { overdue } : {}),
  })
  const text = `broken glass was reviewed by ${by.username}: ${verdict}`
  const next: Approval = {
    ...value,
    brokenGlass: { ...glass, review: { by: person, verdict, note, at } },
    notices: [...(value.notices ?? []), { what: 'review', at, text }],
  }
  await records.commit([moving(one, next)]).catch(conflict)
  return next
}

/** What there is to review. Throws the Refusal of whoever cannot; that policy lets the person do it was asked before. */
export function refuseReviewer({ linked }: ApprovalRecords, value: Approval, by: Principal): BrokenGlass {
  const glass = value.brokenGlass
  if (glass === undefined || glass.review !== undefined) {
    const detail =
      glass === undefined ? 'no glass was broken' : `it was reviewed by ${glass.review!.by.username}`
    throw new Refusal('approval-closed', { check: 'review', detail })
  }
  const person = personOf(by)
  refuseMachine(by)
  refuseRequester(value.requester, person, linked)
  refuseRequester(glass.by, person, linked)
  if (value.requirement.quorums.length > 0 && quorumsOf(value.requirement, by).length === 0) {
    const detail = `rule ${value.rule} asks for ${missingWords(value.requirement, 0)}`
    throw new Refusal('approver-required', { check: 'quorum', detail })
  }
  return glass
}

export function needsReview({ brokenGlass }: Approval): boolean {
  return brokenGlass !== undefined && brokenGlass.review === undefined
}

/** Nobody has looked in time, and that was not told. */
export function isOverdue(one: Approval, at: number): boolean {
  const glass = one.brokenGlass
  return glass !== undefined && needsReview(one) && at >= glass.reviewBy && glass.overdueAt === undefined
}

export async function tellOverdue(records: ApprovalRecords, one: Stored<Approval>): Promise<Change> {
  const { value } = one
  const glass = value.brokenGlass!
  const at = records.now()
  const text = `OVERDUE: broken glass of ${glass.by.username} was to be reviewed before ${minute(glass.reviewBy)}`
  await records.append('approval.review-overdue', one.key, SELF, {
    ...{ approval: one.key, asked: value.sentence, brokenBy: glass.by.username },
    ...{ reviewBy: new Date(glass.reviewBy).toISOString() },
  })
  const next: Approval = {
    ...value,
    brokenGlass: { ...glass, overdueAt: at },
    notices: [...(value.notices ?? []), { what: 'review-overdue', at, text }],
  }
  return moving(one, next)
}
