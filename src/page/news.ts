import type { Approval, Grant } from '../approvals/contract.ts'
import { stepOf } from '../notify/deliveries.ts'

/**
 * What an open page shows, in one word: another word says that there is news. Votes, reminders, escalations, broken glass and
 * its review, and what becomes of what was opened.
 */
export function newsOf(approval: Approval, { grants }: { grants(): readonly Grant[] }): string {
  return `${stepOf(approval)}-${grantFrom(approval, grants())?.state ?? 'none'}`
}

/** What the approval, or broken glass, has opened, while it is remembered. */
export function grantFrom({ grant }: Approval, grants: readonly Grant[]): Grant | undefined {
  return grant === undefined ? undefined : grants.find(one => one.id === grant)
}
