import { SELF } from '../../audit/acts.ts'
import type { Stored } from '../../store/store.ts'
import type { Approval } from '../contract.ts'
import { type ApprovalRecords, closed, moving } from '../records.ts'

const EXPIRED = 'nobody decided in time'

/** Throws StoreConflict when somebody has moved it meanwhile. */
export async function expire(records: ApprovalRecords, one: Stored<Approval>): Promise<void> {
  await records.append('approval.close', one.key, SELF, { approval: one.key, because: EXPIRED })
  await records.commit([moving(one, closed(one.value, 'expired', records.now(), EXPIRED))])
}
