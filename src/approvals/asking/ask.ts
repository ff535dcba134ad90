import { Refusal } from '../../errors/refusal.ts'
import { StoreConflict } from '../../store/store.ts'
import type { Approval, Pin, Wish } from '../contract.ts'
import { samePin } from '../pin.ts'
import type { ApprovalRecords } from '../records.ts'
import { join } from './join.ts'
import { openApproval } from './open-approval.ts'

/** The pending approval of this intent, opened if need be. */
export async function ask(records: ApprovalRecords, wish: Wish, pin: Pin | null): Promise<Approval> {
  for (let attempt = 0; attempt < 5; attempt++) {
    // The store knows which approval is pending for an intent; what is known here may be older.
    const asked = await records.pendingFor(wish.intent)
    const pending = asked === undefined ? undefined : await records.newest(asked.value.id)
    const isOpen = pending?.value.state === 'pending' && records.now() < pending.value.deadline
    if (isOpen && samePin(pending.value.pin, pin) && sameRules(pending.value.rules, wish.rules))
      return join(records, pending, wish.call)
    try {
      return await openApproval(records, wish, pin, asked, isOpen ? pending : undefined)
    } catch (error) {
      // Another request, or another gateway, asked for the same at this moment.
      if (!(error instanceof StoreConflict)) throw error
      await records.catchUp()
    }
  }
  throw new Refusal('state-unavailable', { check: 'approval' })
}

function sameRules(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every(rule => other.includes(rule))
}
