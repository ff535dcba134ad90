import { principalKey } from '../../identity/principal.ts'
import { type Change, StoreConflict } from '../../store/store.ts'
import type { Grant, Wish } from '../contract.ts'
import { type ApprovalRecords, GRANT_KIND, movingGrant } from '../records.ts'

/** Requests of one kubectl command that one approval is for, beside the one that was asked about. */
export const BURST = 20
/** Milliseconds in which they come. */
export const BURST_TIME = 60_000

/** Counted down in the store: however many gateways see its requests, no more of them pass. */
export async function useBurst(records: ApprovalRecords, wish: Wish, id: string): Promise<Grant | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const one = await records.newestGrant(id)
    if (one === undefined || !fits(one.value, wish, records.now())) return undefined
    const used: Grant = { ...one.value, usedBy: wish.call, burst: { left: one.value.burst!.left - 1 } }
    try {
      await records.commit([movingGrant(one, used)])
      return used
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
    }
  }
  return undefined
}

function fits(grant: Grant, wish: Wish, at: number): boolean {
  return (
    grant.state === 'live' &&
    at < grant.until &&
    (grant.burst?.left ?? 0) > 0 &&
    grant.connection === wish.connection &&
    principalKey(grant.principal) === principalKey(wish.principal) &&
    wish.rules.every(rule => grant.rules.includes(rule))
  )
}

/** The first request of a command uses up the grant that is good once; the others come after it. */
export async function openingBurst(records: ApprovalRecords, wish: Wish, once: Grant): Promise<Change[]> {
  const key = wish.burst
  if (key === undefined || once.burst === undefined) return []
  const { usedBy: _, endedAt: __, ...rest } = once
  const at = records.now()
  const value: Grant = {
    ...rest,
    ...{ id: key, state: 'live', intent: null, pin: null, target: key },
    ...{ grantedAt: at, until: at + BURST_TIME, burst: { left: once.burst.left } },
  }
  const before = await records.newestGrant(key)
  return [
    before === undefined
      ? { op: 'create', kind: GRANT_KIND, key, value }
      : { op: 'update', kind: GRANT_KIND, key, version: before.version, value },
  ]
}
