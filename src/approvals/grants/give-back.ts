import type { Grant } from '../contract.ts'
import { type ApprovalRecords, movingGrant } from '../records.ts'

/** The request was certainly not carried out: its grant is good again. */
export async function giveBack(records: ApprovalRecords, grant: Grant): Promise<void> {
  if (grant.intent === null) return
  const one = records.grants.get(grant.id)
  if (one?.value.state !== 'used' || one.value.usedBy !== grant.usedBy) return
  const { usedBy: _, endedAt: __, ...rest } = one.value
  await records.commit([movingGrant(one, { ...rest, state: 'live' })])
}
