import type { Approval, Grant } from '../approvals/contract.ts'
import { stepOf } from '../notify/deliveries.ts'

/**
 * What an open page shows, in one word: another word says that there is news. Votes, reminders, escalations, broken glass and
 * its review, and what becomes of what was opened.
 */
export function newsOf(
  approval: Approval,
  { grantOf }: { grantOf(approval: Approval): Grant | undefined },
): string {
  return `${stepOf(approval)}-${grantOf(approval)?.state ?? 'none'}`
}
