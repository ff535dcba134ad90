import { Refusal } from '../errors/refusal.ts'
import { type Principal, principalKey } from '../identity/principal.ts'
import { ask } from './asking/ask.ts'
import type { Approval, Delegation, Grant, Pin, Wish } from './contract.ts'
import { cancel } from './deciding/cancel.ts'
import { type Answer, decide } from './deciding/decide.ts'
import { seatOf } from './deciding/seat-of.ts'
import { type DelegationWish, delegate, endDelegation } from './delegating/delegate.ts'
import { breakGlass, type GlassWish, refuseBreaking } from './glass/break-glass.ts'
import { type Judgement, refuseReviewer, review } from './glass/review.ts'
import { giveBack } from './grants/give-back.ts'
import { revoke } from './grants/revoke.ts'
import { useGrant } from './grants/use-grant.ts'
import { APPROVAL_KIND, openRecords, type RecordParts } from './records.ts'
import { sweep } from './sweep.ts'
import { wait, waitUntil } from './wait.ts'

/**
 * Approvals and the grants that come of them. A record moves by compare-and-set only, and what is done is in the log
 * before it has an effect: so any number of gateways agree, and none forgets when it is restarted.
 */
export interface Approvals {
  /** A live grant that lifts all of these rules for this request. One that is good once is used up by it. */
  use(wish: Wish, pin: Pin | null): Promise<Grant | undefined>
  /** The request was certainly not carried out: its grant is good again. */
  giveBack(grant: Grant): Promise<void>
  /** The pending approval of this intent, opened if need be. */
  ask(wish: Wish, pin: Pin | null): Promise<Approval>
  /** Resolves when it is pending no more, or as it is after `patience` milliseconds or when the signal says so. */
  wait(id: string, patience: number, signal: AbortSignal): Promise<Approval>
  /** The same until `isSo`, which is asked at once and after each change of it and of what it has opened. */
  waitUntil(
    id: string,
    isSo: (approval: Approval) => boolean,
    patience: number,
    signal: AbortSignal,
  ): Promise<Approval>
  /** Why this person cannot decide it; policy is not asked. Undefined: he can. */
  barred(by: Principal, approval: Approval): Refusal | undefined
  /** The same of breaking its glass. */
  glassBarred(by: Principal, approval: Approval): Refusal | undefined
  /** The same of reviewing its broken glass. */
  reviewBarred(by: Principal, approval: Approval): Refusal | undefined
  decide(by: Principal, id: string, answer: Answer): Promise<Approval>
  /** By who asked for it. */
  cancel(by: Principal, id: string, reason: string | null): Promise<Approval>
  /** By who asked for it, where rules let him go on without an approval. */
  breakGlass(by: Principal, id: string, wish: GlassWish): Promise<Approval>
  /** Another person looks at broken glass. */
  review(by: Principal, id: string, judgement: Judgement): Promise<Approval>
  delegate(by: Principal, wish: DelegationWish): Promise<Delegation>
  endDelegation(by: Principal, id: string): Promise<Delegation>
  /** In force and just ended, newest first. */
  delegations(): readonly Delegation[]
  /** This person sees it now: who decides right after has not read it. Never throws. */
  shown(by: Principal, id: string): Promise<void>
  get(id: string): Promise<Approval | undefined>
  /** Newest first; those that ended up to an hour ago included. */
  list(): readonly Approval[]
  grants(): readonly Grant[]
  /** What came of it, while it is remembered. */
  grantOf(approval: Approval): Grant | undefined
  grant(id: string): Grant | undefined
  revoke(by: Principal, id: string, reason: string | null): Promise<Grant>
  /** Told of each grant that is revoked, here or elsewhere. */
  onGrantEnd(listener: (id: string) => void): void
  /** Ends what is over, forgets what ended long ago. Runs by itself each second. */
  sweep(): Promise<void>
  close(): Promise<void>
}

export interface ApprovalParts extends RecordParts {
  /** Milliseconds between two sweeps; 0: only when asked. */
  readonly sweepEvery?: number
}

export async function openApprovals(parts: ApprovalParts): Promise<Approvals> {
  const records = await openRecords(parts)
  const { approvals, grants } = records

  let round: Promise<void> = Promise.resolve()
  const every = parts.sweepEvery ?? 1_000
  const tick = (): void => {
    round = round.then(() => sweep(records)).catch(parts.onError)
  }
  const timer = every > 0 ? setInterval(tick, every).unref() : undefined

  return {
    use: (wish, pin) => useGrant(records, wish, pin),
    giveBack: grant => giveBack(records, grant),
    ask: (wish, pin) => ask(records, wish, pin),
    wait: (id, patience, signal) => wait(records, id, patience, signal),
    waitUntil: (id, isSo, patience, signal) => waitUntil(records, id, isSo, patience, signal),
    barred: (by, approval) => refusalOf(() => seatOf(records, approval, by)),
    glassBarred: (by, approval) => refusalOf(() => refuseBreaking(approval, by, records.now())),
    reviewBarred: (by, approval) => refusalOf(() => refuseReviewer(records, approval, by)),
    decide: (by, id, answer) => decide(records, by, id, answer),
    cancel: (by, id, reason) => cancel(records, by, id, reason),
    breakGlass: (by, id, wish) => breakGlass(records, by, id, wish),
    review: (by, id, judgement) => review(records, by, id, judgement),
    delegate: (by, wish) => delegate(records, by, wish),
    endDelegation: (by, id) => endDelegation(records, by, id),
    delegations: () => [...records.delegations.values()].sort((a, b) => b.from - a.from),
    async shown(by, id) {
      const one = approvals.get(id)?.value
      // Of nobody else a decision is expected.
      if (one?.state !== 'pending' || principalKey(one.requester) === principalKey(by)) return
      await records.shown.now(by, id)
    },
    get: async id => approvals.get(id)?.value ?? (await parts.store.get<Approval>(APPROVAL_KIND, id))?.value,
    list: () => [...approvals.values()].sort((a, b) => b.askedAt - a.askedAt),
    grants: () => [...grants.values()].sort((a, b) => b.grantedAt - a.grantedAt),
    grant: id => grants.get(id)?.value,
    onGrantEnd: records.onGrantEnd,
    grantOf: ({ grant }) => (grant === undefined ? undefined : grants.get(grant)?.value),
    revoke: (by, id, reason) => revoke(records, by, id, reason),
    sweep: () => sweep(records),
    async close() {
      clearInterval(timer)
      await round
      records.stop()
    },
  }
}

function refusalOf(judge: () => unknown): Refusal | undefined {
  try {
    judge()
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}
