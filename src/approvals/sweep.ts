import { ignoreConflict } from '../store/failures.ts'
import type { Change, Stored } from '../store/store.ts'
import { alone } from './alone.ts'
import type { Approval } from './contract.ts'
import { doWhatIsDue, isDue } from './due.ts'
import { needsReview } from './glass/review.ts'
import {
  APPROVAL_KIND,
  type ApprovalRecords,
  ASK_KIND,
  CLAIM_KIND,
  DELEGATION_KIND,
  GRANT_KIND,
} from './records.ts'

/** What ended can be looked at for an hour. */
const KEPT = 3_600_000

/** Ends what is over, forgets what ended long ago. */
export async function sweep(records: ApprovalRecords): Promise<void> {
  const { approvals, grants, delegations } = records
  const at = records.now()
  const due: string[] = []
  const forgotten: Stored<Approval>[] = []
  for (const one of approvals.values()) {
    if (isDue(one, at)) due.push(one.id)
    else if (isForgotten(one, at)) forgotten.push(approvals.get(one.id)!)
  }
  for (const id of due) await alone(records, id, one => doWhatIsDue(records, one)).catch(ignoreConflict)
  const over: Change[] = []
  for (const { value, version } of forgotten) {
    const { id, intent } = value
    over.push({ op: 'delete', kind: APPROVAL_KIND, key: id, version })
    over.push(...(await records.shown.forgetting(id)))
    const asked = await records.pendingFor(intent)
    if (asked?.value.id === id)
      over.push({ op: 'delete', kind: ASK_KIND, key: asked.key, version: asked.version })
    // Of a gateway that went down.
    const claim = await records.claimOf(id)
    if (claim !== undefined) over.push({ op: 'delete', kind: CLAIM_KIND, key: id, version: claim.version })
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

function isForgotten(one: Approval, at: number): boolean {
  if (one.state === 'pending' || needsReview(one)) return false
  return at >= (one.brokenGlass?.review?.at ?? one.closedAt ?? at) + KEPT
}
