import { Refusal } from '../errors/refusal.ts'
import { StoreConflict } from './store.ts'

/** For a change that somebody else may have made already. */
export function ignoreConflict(error: unknown): void {
  if (!(error instanceof StoreConflict)) throw error
}

/** What a store throws, in words for a caller: `state-unavailable`. A Refusal stays what it is. */
export function unavailable(error: unknown): never {
  if (error instanceof Refusal) throw error
  throw new Refusal('state-unavailable', { cause: error })
}

/** The same, for who looks at conflicts himself. */
export function unavailableOrConflict(error: unknown): never {
  if (error instanceof StoreConflict) throw error
  return unavailable(error)
}
