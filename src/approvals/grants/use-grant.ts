import { principalKey } from '../../identity/principal.ts'
import { StoreConflict } from '../../store/store.ts'
import type { Grant, Pin, Wish } from '../contract.ts'
import { placeOf } from '../intent.ts'
import { samePin } from '../pin.ts'
import { type ApprovalRecords, movingGrant } from '../records.ts'
import { openingBurst, useBurst } from './burst.ts'

/** A live grant that lifts all of these rules for this request. One that is good once is used up by it. */
export async function useGrant(
  records: ApprovalRecords,
  wish: Wish,
  pin: Pin | null,
): Promise<Grant | undefined> {
  const inBurst = wish.burst === undefined ? undefined : await useBurst(records, wish, wish.burst)
  if (inBurst !== undefined) return inBurst
  const places = [wish.target, placeOf(wish.principal, wish.connection)]
  for (const id of places.flatMap(place => [...records.grantsAt(place)])) {
    const one = records.grants.get(id)
    if (one === undefined || !fits(one.value, wish, pin, records.now())) continue
    if (one.value.intent === null) return one.value
    const used: Grant = { ...one.value, state: 'used', usedBy: wish.call, endedAt: records.now() }
    try {
      await records.commit([movingGrant(one, used), ...(await openingBurst(records, wish, used))])
      return used
    } catch (error) {
      // Another request with the same intent was first: it has it, this one has not.
      if (!(error instanceof StoreConflict)) throw error
      await records.catchUp()
    }
  }
  return undefined
}

function fits(grant: Grant, wish: Wish, pin: Pin | null, at: number): boolean {
  return (
    grant.state === 'live' &&
    // A burst is found by its own name only.
    (grant.burst === undefined || grant.intent !== null) &&
    at < grant.until &&
    grant.connection === wish.connection &&
    principalKey(grant.principal) === principalKey(wish.principal) &&
    (grant.intent === null || (grant.intent === wish.intent && samePin(grant.pin, pin))) &&
    (grant.scope === null || wish.isWithin(grant.scope)) &&
    // A rule that came later was not asked about.
    wish.rules.every(rule => grant.rules.includes(rule))
  )
}
