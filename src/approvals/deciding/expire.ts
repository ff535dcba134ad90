import { SELF } from '../../audit/acts.ts'
import type { Change, Stored } from '../../store/store.ts'
import type { Approval } from '../contract.ts'
import { type ApprovalRecords, closed, moving } from '../records.ts'

const EXPIRED = 'nobody decided in time'

export async function expire(records: ApprovalRecords, one: Stored<Approval>): Promise<Change> {
  await records.append('approval.close', one.key, SELF, { approval: one.key, because: EXPIRED })
  return moving(one, closed(one.value, 'expired', records.now(), EXPIRED))
}
