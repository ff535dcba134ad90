import { ignoreConflict } from '../store/failures.ts'
import type { Change, Stored } from '../store/store.ts'
import type { Approval } from './contract.ts'
import { expire } from './deciding/expire.ts'
import { needsReview, tellOverdue } from './glass/review.ts'
import { APPROVAL_KIND, type ApprovalRecords, ASK_KIND, DELEGATION_KIND, GRANT_KIND } from './records.ts'
import { hasNews, tellThoseWhoDecide } from './telling/tell-those-who-decide.ts'

/** What ended can be looked at for an hour. */
const KEPT = 3_600_000

/** Ends what is over, forgets what ended long ago. */
export async function sweep(records: ApprovalRecords): Promise<void> {
  const { approvals, grants, delegations } = records
  const at = records.now()
  const over: Change[] = []
  const due: Stored<Approval>[] = []
  for (const one of approvals.values()) if (isDue(one, at)) due.push(approvals.get(one.id)!)
  for (const one of due) {
    const { id } = one.value
    if (one.value.state === 'pending') {
      // Another gateway may be doing the same.
      if (at >= one.value.deadline) await expire(records, one).catch(ignoreConflict)
      else await tellThoseWhoDecide(records, one).catch(ignoreConflict)
    } else if (needsReview(one.value)) {
      await tellOverdue(records, one).catch(ignoreConflict)
    } else {
      over.push({ op: 'delete', kind: APPROVAL_KIND, key: id, version: one.version })
      over.push(...(await records.shown.forgetting(id)))
      const asked = await records.pendingFor(one.value.intent)
      if (asked?.value.id === id)
        over.push({ op: 'delete', kind: ASK_KIND, key: asked.key, version: asked.version })
    }
  }
  for (const { id } of [...grants.values()]) {
    const one = grants.get(id)!
    const ended = one.value.endedAt ?? one.value.until
    if (at >= ended + KEPT) over.push({ op: 'delete', kind: GRANT_KIND, key: id, version: one.version })
  }
  for (const { id, until } of [...delegations.values()]) {
    const { version } = delegations.get(id)!
    if (at >= until + KEPT) over.push({ op: 'delete', kind: DELEGATION_KIND, key: id, version })
  }
  for (const change of over) await records.commit([change]).catch(ignoreConflict)
}

/** Asked of each, each second: most have nothing that is due. */
function isDue(one: Approval, at: number): boolean {
  if (one.state === 'pending') return at >= one.deadline || hasNews(one, at)
  return needsReview(one) || at >= (one.brokenGlass?.review?.at ?? one.closedAt ?? at) + KEPT
}
