import { principalFacts } from '../../audit/principal-facts.ts'
import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { Approval } from '../contract.ts'
import { type ApprovalRecords, closed, conflict, moving, over } from '../records.ts'

/** By who asked for it. */
export async function cancel(
  records: ApprovalRecords,
  by: Principal,
  id: string,
  reason: string | null,
): Promise<Approval> {
  const one = await records.approval(id)
  if (principalKey(one.value.requester) !== principalKey(by)) {
    throw new Refusal('denied-by-policy', {
      check: 'requester',
      detail: 'only who asked for it can cancel it',
    })
  }
  if (one.value.state !== 'pending') throw over(one.value)
  await records.append('approval.close', id, principalFacts(by), {
    approval: id,
    because: 'cancelled',
    reason,
  })
  const value = closed(one.value, 'cancelled', records.now(), reason ?? 'cancelled by who asked for it')
  await records.commit([moving(one, value)]).catch(conflict)
  return value
}
