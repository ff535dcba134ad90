import { StoreConflict, type Stored } from '../../store/store.ts'
import type { Approval } from '../contract.ts'
import { type ApprovalRecords, moving } from '../records.ts'

/** Calls whose ids are kept with an approval; all are counted. */
const CALLS = 20

/** One more request waits for an approval that is pending. */
export async function join(records: ApprovalRecords, one: Stored<Approval>, call: string): Promise<Approval> {
  const { value } = one
  if (value.calls.includes(call)) return value
  const calls = [...value.calls.slice(-(CALLS - 1)), call]
  const joined: Approval = { ...value, calls, callCount: value.callCount + 1 }
  try {
    await records.commit([moving(one, joined)])
    return joined
  } catch (error) {
    // Somebody decided at this moment, or another call joined: that matters more than the count.
    if (!(error instanceof StoreConflict)) throw error
    await records.catchUp()
    return (await records.approval(one.key)).value
  }
}
