import type { Approval, ApprovalDecision, Grant } from '../contract.ts'

import { BURST } from './burst.ts'

/** For a grant that is good once: how long who asked has to come back. */
const USE_WITHIN = 15 * 60_000

/** What an approval opens when it is approved. */
export function grantFrom(
  approval: Approval,
  decisions: readonly ApprovalDecision[],
  id: string,
  at: number,
): Grant {
  const { grantFor } = approval.requirement
  return {
    id,
    approval: approval.id,
    rules: approval.rules,
    principal: approval.requester,
    connection: approval.connection,
    intent: grantFor === null ? approval.intent : null,
    target: approval.target,
    scope: approval.scope,
    pin: grantFor === null ? approval.pin : null,
    sentence: approval.sentence,
    approvers: decisions.filter(one => one.verdict === 'approve').map(one => one.by.username),
    reason: decisions.at(-1)?.reason ?? null,
    grantedAt: at,
    until: at + (grantFor ?? USE_WITHIN),
    state: 'live',
    ...(approval.requirement.burst === true && grantFor === null ? { burst: { left: BURST } } : {}),
  }
}
