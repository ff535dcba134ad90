import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { ApprovalRecords } from '../records.ts'

/** Against fatigue: new approvals of one principal in ten minutes. */
const ASKS = 5
const WITHIN = 10 * 60_000

/** Throws Refusal `too-many-requests`. */
export function refuseFlood({ asksOf, now }: ApprovalRecords, principal: Principal): void {
  const since = now() - WITHIN
  const asked: number[] = []
  for (const at of asksOf(principalKey(principal))) if (at > since) asked.push(at)
  if (asked.length < ASKS) return
  const oldest = Math.min(...asked)
  const retryAfter = Math.max(1, Math.ceil((oldest + WITHIN - now()) / 1000))
  throw new Refusal('too-many-requests', {
    check: 'approvals-asked-for',
    detail: `${asked.length} approvals were asked for in ten minutes; approvers are not asked for more before ${new Date(oldest + WITHIN).toISOString().slice(11, 16)} UTC`,
    retryAfter,
  })
}
