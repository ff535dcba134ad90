import { personOf } from '../../audit/person.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Grant } from '../contract.ts'
import { type ApprovalRecords, conflict, movingGrant } from '../records.ts'

/** Ends a grant before its time. */
export async function revoke(
  records: ApprovalRecords,
  by: Principal,
  id: string,
  reason: string | null,
): Promise<Grant> {
  const one = await records.grant(id)
  if (one.value.state !== 'live') {
    throw new Refusal('approval-closed', {
      check: one.value.state,
      detail: `the grant is ${one.value.state}`,
    })
  }
  const revoked: Grant = { ...one.value, state: 'revoked', revokedBy: personOf(by), endedAt: records.now() }
  const facts = { grant: id, approval: one.value.approval, reason }
  await records.append('grant.revoke', id, principalFacts(by), facts)
  await records.commit([movingGrant(one, revoked)]).catch(conflict)
  return revoked
}
