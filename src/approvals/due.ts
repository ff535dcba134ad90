import type { Change, Stored } from '../store/store.ts'
import type { Approval } from './contract.ts'
import { expire } from './deciding/expire.ts'
import { isOverdue, tellOverdue } from './glass/review.ts'
import type { ApprovalRecords } from './records.ts'
import { hasNews, tellThoseWhoDecide } from './telling/tell-those-who-decide.ts'

/** Whether time alone has brought something: asked of each, each second, and most have nothing. */
export function isDue(one: Approval, at: number): boolean {
  return one.state === 'pending' ? at >= one.deadline || hasNews(one, at) : isOverdue(one, at)
}

/** In the log when it resolves, and still to be committed. */
export async function doWhatIsDue(
  records: ApprovalRecords,
  one: Stored<Approval>,
): Promise<Change | undefined> {
  const at = records.now()
  if (!isDue(one.value, at)) return undefined
  if (one.value.state !== 'pending') return tellOverdue(records, one)
  return at >= one.value.deadline ? expire(records, one) : tellThoseWhoDecide(records, one)
}
