import { personOf } from '../../audit/person.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { Principal } from '../../identity/principal.ts'
import { StoreConflict } from '../../store/store.ts'
import { alone } from '../alone.ts'
import type { Approval, ApprovalDecision, Grant, Verdict } from '../contract.ts'
import { doWhatIsDue } from '../due.ts'
import { grantFrom } from '../grants/grant-from.ts'
import { refusePlace, refuseUnexplained } from '../may-decide.ts'
import { isMet } from '../quorum.ts'
import { type ApprovalRecords, GRANT_KIND, moving, over } from '../records.ts'
import { type Seat, seatOf } from './seat-of.ts'

export interface Answer {
  readonly verdict: Verdict
  readonly reason: string | null
  readonly via: string
  /** When the person last proved who he is, as far as the approval page knows; milliseconds since the epoch. */
  readonly authenticatedAt?: number
  /** `shownOf` what was looked at; absent: nobody says. */
  readonly shown?: string
  /** The account of the channel that said it. */
  readonly account?: string
}

/** Faster than anybody reads, in milliseconds. */
const UNREAD = 3_000

/** One person's answer. It is in the log before it counts, and counts once, whichever gateways others decide at. */
export async function decide(
  records: ApprovalRecords,
  by: Principal,
  id: string,
  answer: Answer,
): Promise<Approval> {
  let recorded = false
  for (let attempt = 0; attempt < 5; attempt++) {
    const one = await records.approval(id)
    const { value } = one
    if (value.state !== 'pending') throw over(value)
    const at = records.now()
    if (at >= value.deadline) {
      await alone(records, id, newest => doWhatIsDue(records, newest)).catch(records.onError)
      throw over({ ...value, state: 'expired' })
    }
    const seat = seatOf(records, value, by)
    refusePlace(value, answer, at)
    refuseUnexplained(value, answer)
    const seenAt = Math.max(value.askedAt, (await records.shown.at(by, id)) ?? 0)
    const unread = at - seenAt < UNREAD
    const { next, grant } = decided(records, value, by, seat, answer, { at, unread })
    if (!recorded) {
      const facts = {
        ...decisionFacts(value, answer, at),
        ...(unread ? { unread } : {}),
        ...(seat.inPlaceOf === undefined ? {} : { inPlaceOf: seat.inPlaceOf.username }),
        ...grantFacts(grant),
      }
      await records.append('approval.decide', id, principalFacts(by), facts)
      recorded = true
    }
    try {
      await records.commit([
        moving(one, next),
        ...(grant === undefined
          ? []
          : [{ op: 'create', kind: GRANT_KIND, key: grant.id, value: grant } as const]),
      ])
      return next
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      await records.catchUp()
    }
  }
  throw new Refusal('state-unavailable', { check: 'approval' })
}

function decided(
  records: ApprovalRecords,
  value: Approval,
  by: Principal,
  { quorums, inPlaceOf }: Seat,
  { verdict, reason, via }: Answer,
  { at, unread }: { at: number; unread: boolean },
): { next: Approval; grant: Grant | undefined } {
  const decision: ApprovalDecision = {
    by: personOf(by),
    ...{ quorums, at, unread },
    ...{ verdict, reason, via },
    ...(inPlaceOf === undefined ? {} : { inPlaceOf }),
  }
  const decisions = [...value.decisions, decision]
  const approvers = decisions.filter(d => d.verdict === 'approve').map(d => d.quorums)
  const state = verdict === 'deny' ? 'denied' : isMet(value.requirement, approvers) ? 'approved' : 'pending'
  const grant = state === 'approved' ? grantFrom(value, decisions, records.newId(), at) : undefined
  const next: Approval = {
    ...value,
    ...{ state, decisions },
    ...(state === 'pending' ? {} : { closedAt: at }),
    ...(verdict === 'deny' ? { closedBecause: reason ?? 'denied' } : {}),
    ...(grant === undefined ? {} : { grant: grant.id }),
  }
  return { next, grant }
}

function decisionFacts(
  one: Approval,
  { verdict, reason, via, account }: Answer,
  at: number,
): Record<string, unknown> {
  const { id, sentence, rules, intent, requester } = one
  return {
    ...{ approval: id, verdict, reason, via, asked: sentence, rules, intent },
    ...(account === undefined ? {} : { account }),
    requester: requester.username,
    afterSeconds: Math.round((at - one.askedAt) / 1000),
  }
}

function grantFacts(grant: Grant | undefined): Record<string, unknown> {
  if (grant === undefined) return {}
  return { grant: grant.id, grantedUntil: new Date(grant.until).toISOString(), once: grant.intent !== null }
}
