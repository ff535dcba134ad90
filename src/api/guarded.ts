import { Refusal } from '../errors/refusal.ts'
import type { AttemptLimit } from '../identity/attempt-limit.ts'
import type { Client } from './services.ts'

/** Runs something that judges a guessable credential; counts what it refuses against the caller's address. */
export async function guarded<T>(
  attempts: AttemptLimit,
  client: Client,
  judge: () => Promise<T>,
): Promise<T> {
  attempts.check(client.address)
  try {
    return await judge()
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) attempts.failed(client.address)
    throw error
  }
}
