import { ignoreConflict } from '../store/failures.ts'
import { type Change, StoreConflict, type Stored } from '../store/store.ts'
import type { Approval } from './contract.ts'
import { type ApprovalRecords, CLAIM_KIND } from './records.ts'

/** That a gateway is at work on an approval, in the state store. */
export interface Claim {
  /** Milliseconds since the epoch; who went down amid it has it no longer. */
  readonly until: number
}

const LEASE = 30_000

/**
 * What comes due by itself is seen by every gateway at the same moment, and is in the log before the store knows of it. So one of
 * them takes it upon itself first, and only that one writes an entry. Throws StoreConflict when a person has moved it meanwhile.
 * @param work Gets the approval as the store has it by then; resolves with what is to be written of it, if anything is due. Not
 * called when somebody else is at it. When it throws, any gateway may try again.
 */
export async function alone(
  records: ApprovalRecords,
  id: string,
  work: (one: Stored<Approval>) => Promise<Change | undefined>,
): Promise<void> {
  const version = await claim(records, id)
  if (version === undefined) return
  const done: Change = { op: 'delete', kind: CLAIM_KIND, key: id, version }
  try {
    const one = await records.newest(id)
    const change = one === undefined ? undefined : await work(one)
    await records.commit(change === undefined ? [done] : [change, done])
  } catch (error) {
    await records.commit([done]).catch(ignoreConflict)
    throw error
  }
}

async function claim(records: ApprovalRecords, id: string): Promise<number | undefined> {
  const at = records.now()
  const before = await records.claimOf(id)
  if (before !== undefined && at < before.value.until) return undefined
  const record = { kind: CLAIM_KIND, key: id, value: { until: at + LEASE } satisfies Claim }
  try {
    const [mine] = await records.commit([
      before === undefined
        ? { op: 'create', ...record }
        : { op: 'update', version: before.version, ...record },
    ])
    return mine!.version
  } catch (error) {
    if (error instanceof StoreConflict) return undefined
    throw error
  }
}
