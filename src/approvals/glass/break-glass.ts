import { personOf } from '../../audit/person.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { Approval, BrokenGlass, Grant } from '../contract.ts'
import { isNamed } from '../quorum.ts'
import { type ApprovalRecords, conflict, GRANT_KIND, moving, over } from '../records.ts'

export interface GlassWish {
  readonly reason: string
  readonly ticket: string
}

/**
 * Who asked goes on without an approval, where every rule that holds the request names him for that. It is in the log before
 * it opens anything, everybody who was asked is told, and another person has to look at it afterwards.
 */
export async function breakGlass(
  records: ApprovalRecords,
  by: Principal,
  id: string,
  { reason, ticket }: GlassWish,
): Promise<Approval> {
  const one = await records.approval(id)
  const { value } = one
  const at = records.now()
  refuseBreaking(value, by, at)
  const rules = value.requirement.breakGlass!
  const reviewBy = at + Math.min(...rules.map(rule => rule.review))
  const grant = grantOf(value, records.newId(), at, at + Math.min(...rules.map(rule => rule.for)), reason)
  const brokenGlass: BrokenGlass = { by: personOf(by), reason, ticket, at, reviewBy }
  await records.append('approval.break-glass', id, principalFacts(by), {
    ...{ approval: id, asked: value.sentence, connection: value.connection, rules: value.rules },
    ...{ reason, ticket, brokenGlass: true, grant: grant.id },
    grantedUntil: new Date(grant.until).toISOString(),
    reviewBy: new Date(reviewBy).toISOString(),
  })
  const text = `GLASS BROKEN by ${by.username} (ticket ${ticket}): nobody approved it; to be reviewed before ${minute(reviewBy)}`
  const next: Approval = {
    ...value,
    ...{ state: 'approved', closedAt: at, grant: grant.id, brokenGlass },
    notices: [...(value.notices ?? []), { what: 'break-glass', at, text }],
  }
  const made = { op: 'create', kind: GRANT_KIND, key: grant.id, value: grant } as const
  await records.commit([moving(one, next), made]).catch(conflict)
  return next
}

/** Throws the Refusal of whoever cannot break this glass. */
export function refuseBreaking(value: Approval, by: Principal, at: number): void {
  if (value.state !== 'pending') throw over(value)
  if (at >= value.deadline) throw over({ ...value, state: 'expired' })
  if (principalKey(value.requester) !== principalKey(by)) {
    throw refused('requester', 'only who asked for it can break the glass')
  }
  if (by.kind !== 'person' || by.startedBy !== undefined) {
    throw refused('not-a-person', `${by.username} is no person who acts for himself`)
  }
  const rules = value.requirement.breakGlass
  if (rules === undefined || value.scope !== null) {
    throw refused('break-glass', `rule ${value.rule} lets nobody go on without an approval`)
  }
  if (!rules.every(rule => isNamed(rule, by))) {
    throw refused('break-glass', `you are none of those whom rule ${value.rule} lets break the glass`)
  }
}

/** For the same action on the same object; nothing is pinned, because who broke the glass sees what he does. */
function grantOf(value: Approval, id: string, at: number, until: number, reason: string): Grant {
  return {
    ...{ id, approval: value.id, rules: value.rules, principal: value.requester },
    ...{ connection: value.connection, target: value.target, sentence: value.sentence },
    ...{ intent: null, scope: null, pin: null, approvers: [] },
    ...{ reason, grantedAt: at, until, state: 'live', brokenGlass: true },
  }
}

function refused(check: string, detail: string): Refusal {
  return new Refusal('approver-required', { check, detail })
}

export function minute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
