import { type Change, type StateStore, StoreConflict, type Stored } from '../../store/store.ts'

/** A state store that forgets. For tests. */
export function memoryStore(): StateStore {
  const records = new Map<string, Stored>()
  let revision = 0
  const keyOf = (kind: string, key: string): string => JSON.stringify([kind, key])

  function fits(change: Change): boolean {
    const found = records.get(keyOf(change.kind, change.key))
    return change.op === 'create' ? found === undefined : found?.version === change.version
  }

  return {
    async get<T>(kind: string, key: string) {
      return structuredClone(records.get(keyOf(kind, key))) as Stored<T> | undefined
    },
    async list<T>(kind: string) {
      return [...records.values()].filter(one => one.kind === kind) as Stored<T>[]
    },
    async commit(changes) {
      const misfit = changes.find(change => !fits(change))
      if (misfit !== undefined) throw new StoreConflict(misfit.kind, misfit.key)
      revision++
      const written: Stored[] = []
      for (const change of changes) {
        const id = keyOf(change.kind, change.key)
        if (change.op === 'delete') {
          records.delete(id)
          continue
        }
        const version = change.op === 'create' ? 1 : change.version + 1
        const stored = {
          kind: change.kind,
          key: change.key,
          value: structuredClone(change.value),
          version,
          revision,
        }
        records.set(id, stored)
        written.push(stored)
      }
      return written
    },
    changesSince: async () => [],
    revision: async () => revision,
    close: async () => {},
  }
}
