import { type StateStore, StoreConflict } from './store.ts'

const KIND = 'log'

interface KnownLog {
  /** Verifier key of the log that writes under this origin. */
  readonly vkey: string
}

/**
 * Makes this log the only one of its origin among the gateways of a shared store. An origin names one tree: a second
 * one, of a gateway that was started with a fresh data directory, would be a fork to every witness and auditor, and in
 * the shared index its entries would stand under the numbers of the first. Rejects when the origin has another key.
 */
export async function claimOrigin(store: StateStore, origin: string, vkey: string): Promise<void> {
  for (;;) {
    const known = await store.get<KnownLog>(KIND, origin)
    if (known?.value.vkey === vkey) return
    if (known !== undefined) {
      throw new Error(
        `the store knows the log ${origin} with another key: this data directory is not the one that the log began in. Put that one back, or start with another origin`,
      )
    }
    try {
      await store.commit([{ op: 'create', kind: KIND, key: origin, value: { vkey } }])
      return
    } catch (error) {
      // Another gateway was first: then its key decides.
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}
