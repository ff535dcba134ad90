import { type Change, type StateStore, StoreConflict } from '../../store/store.ts'
import { tokenDigest } from '../token-digest.ts'

const KIND = 'used-id-token'

/**
 * The change that uses an ID token up: it fails when it was used before. Keyed by what is signed, because one ECDSA
 * signature can be written as another that is valid too.
 */
export function useIdToken(idToken: string, expiresAt: number): Change {
  const signed = idToken.slice(0, idToken.lastIndexOf('.'))
  return { op: 'create', kind: KIND, key: tokenDigest(signed), value: { expiresAt } }
}

/** Forgets those that have expired, with room for clock skew. */
export async function sweepUsedIdTokens(store: StateStore, now: number): Promise<void> {
  for (const { kind, key, version, value } of await store.list<{ expiresAt: number }>(KIND, {
    limit: 10_000,
  })) {
    if (now < value.expiresAt + 600_000) continue
    await store.commit([{ op: 'delete', kind, key, version }]).catch(error => {
      if (!(error instanceof StoreConflict)) throw error
    })
  }
}
