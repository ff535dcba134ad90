import { hash } from 'node:crypto'
import { type Principal, principalKey } from '../../identity/principal.ts'
import { unavailableOrConflict } from '../../store/failures.ts'
import { type Change, type StateStore, StoreConflict } from '../../store/store.ts'

/** By approval and person: when it was first shown to him. Forgotten with the approval. */
export const SHOWN_KIND = 'approval.shown'

/** When each person first saw an approval, at whichever gateway: a hint against clicking without reading, no right. */
export interface Shown {
  /** One write for each person and approval. Never throws: what cannot be written is remembered here only. */
  now(by: Principal, id: string): Promise<void>
  /** Undefined: never. Throws Refusal `state-unavailable`. */
  at(by: Principal, id: string): Promise<number | undefined>
  /** What forgets all of an approval. */
  forgetting(id: string): Promise<Change[]>
}

interface Seen {
  readonly at: number
}

/** Of those that are kept in memory, so that who looks again costs nothing. */
const MOST = 10_000

export function rememberShown(
  store: StateStore,
  now: () => number,
  onError: (error: unknown) => void,
): Shown {
  const times = new Map<string, number>()

  function remember(key: string, at: number): number {
    if (times.size >= MOST) times.delete(times.keys().next().value!)
    times.set(key, at)
    return at
  }

  async function stored(key: string): Promise<number | undefined> {
    const found = await store.get<Seen>(SHOWN_KIND, key).catch(unavailableOrConflict)
    return found === undefined ? undefined : remember(key, found.value.at)
  }

  return {
    async now(by, id) {
      const key = keyOf(by, id)
      if (times.has(key)) return
      const at = remember(key, now())
      const value: Seen = { at }
      try {
        await store.commit([{ op: 'create', kind: SHOWN_KIND, key, value }])
      } catch (error) {
        // Shown before, by another gateway or before a restart: the first time counts.
        if (error instanceof StoreConflict) await stored(key).catch(onError)
        else onError(error)
      }
    },
    async at(by, id) {
      const key = keyOf(by, id)
      return times.get(key) ?? stored(key)
    },
    async forgetting(id) {
      const all = await store.list<Seen>(SHOWN_KIND, { prefix: `${id}/` }).catch(unavailableOrConflict)
      return all.map(({ key, version }) => ({ op: 'delete', kind: SHOWN_KIND, key, version }))
    },
  }
}

function keyOf(by: Principal, id: string): string {
  return `${id}/${hash('sha256', principalKey(by), 'base64url')}`
}
