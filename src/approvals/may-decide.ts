import { maybeSame, type Person, personOf } from '../audit/person.ts'
import { Refusal } from '../errors/refusal.ts'
import type { Principal } from '../identity/principal.ts'
import type { Approval, Verdict } from './contract.ts'
import type { Linked } from './linked-accounts.ts'
import { shownOf } from './message.ts'
import { missingWords } from './quorum.ts'

/**
 * Who can never decide: machines, the one who asked, who has decided already, and whom no quorum names. That policy lets
 * the person decide at all was asked before. Throws a Refusal.
 */
export function refuseDecider(
  approval: Approval,
  by: Principal,
  quorums: readonly number[],
  linked: Linked,
): void {
  const person = personOf(by)
  refuseMachine(by)
  refuseRequester(approval.requester, person, linked)
  if (
    approval.decisions.some(
      one =>
        isOne(one.by, person, linked) ||
        (one.inPlaceOf !== undefined && isOne(one.inPlaceOf, person, linked)),
    )
  ) {
    throw new Refusal('approval-closed', { check: 'decided', detail: 'you have decided already' })
  }
  if (approval.requirement.quorums.length > 0 && quorums.length === 0) {
    throw new Refusal('approver-required', {
      check: 'quorum',
      detail: `rule ${approval.rule} asks for ${missingWords(approval.requirement, 0)}`,
    })
  }
}

/** Also a token by which somebody else acts for a person. */
export function refuseMachine(by: Principal): void {
  if (by.kind === 'person' && by.startedBy === undefined) return
  const detail =
    by.kind === 'person'
      ? `${by.startedBy!.join(', ')} acts for ${by.username}: only the person can decide`
      : `${by.username} is no person`
  throw new Refusal('approver-required', { check: 'not-a-person', detail })
}

/** Who asked, under any account that is known to be his, and who set going what asked. */
export function refuseRequester(requester: Person, by: Person, linked: Linked): void {
  if (!isOne(requester, by, linked)) return
  const detail =
    requester.startedBy === undefined
      ? 'who asked for it cannot approve it'
      : `who started it (${requester.startedBy.join(', ')}) cannot approve it`
  throw new Refusal('second-person-required', { check: 'requester', detail })
}

export function isOne(one: Person, other: Person, linked: Linked): boolean {
  return maybeSame(one, other) || linked(one, other)
}

/** Milliseconds after a sign-in in which the gravest things can be approved. */
export const FRESH = 300_000

/** What rules want to be approved on the page only. A denial is welcome from anywhere: it opens nothing. */
export function refusePlace(
  approval: Approval,
  {
    verdict,
    via,
    authenticatedAt,
    shown,
  }: { verdict: Verdict; via: string; authenticatedAt?: number; shown?: string },
  now: number,
): void {
  const { id, rule, requirement } = approval
  if (shown !== undefined && shown !== shownOf(approval)) {
    throw new Refusal('approval-closed', {
      check: 'shown',
      detail: 'it is not as it was shown: somebody has decided meanwhile; look again',
    })
  }
  if (requirement.page !== true || verdict === 'deny') return
  if (via === 'page' && isFresh(authenticatedAt, now)) return
  const why =
    via === 'page'
      ? `rule ${rule} asks for a sign-in younger than five minutes: sign in again`
      : `rule ${rule} lets this be approved on the approval page only, after a fresh sign-in: /approvals/${id}`
  throw new Refusal('page-required', { check: via === 'page' ? 'fresh-sign-in' : 'page', detail: why })
}

/** Where a rule wants reasons, who approves says why as well: on every channel, for it is asked here. A denial needs none. */
export function refuseUnexplained(
  { rule, requirement }: Approval,
  { verdict, reason }: { verdict: Verdict; reason: string | null },
): void {
  if (requirement.reason !== true || verdict === 'deny' || (reason ?? '').trim() !== '') return
  throw new Refusal('reason-required', {
    check: 'approval-reason',
    detail: `rule ${rule} wants reasons: say with the approval why`,
  })
}

export function isFresh(authenticatedAt: number | undefined, now: number): boolean {
  return authenticatedAt !== undefined && authenticatedAt <= now && now - authenticatedAt < FRESH
}
