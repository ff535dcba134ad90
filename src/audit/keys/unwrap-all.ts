import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { disk } from '../files/disk.ts'
import { epochKeys } from './epochs.ts'

export interface UnwrappedKeys {
  /** By id; null for one that nobody opened. */
  readonly keys: ReadonlyMap<string, Buffer | null>
  /** Why not, of the first of these. */
  readonly failure: string | null
}

/** Asked at the same time of a key service; each takes it some milliseconds, and there are two keys a day. */
const AT_ONCE = 8

/** All epoch keys that lie with a log, for readers that cannot ask a key service themselves. They stay in memory. */
export async function unwrapEpochKeys(
  directory: string,
  origin: string,
  keyEncryption: KeyEncryption,
): Promise<UnwrappedKeys> {
  const epochs = epochKeys(disk, directory, origin, keyEncryption)
  const keys = new Map<string, Buffer | null>()
  let failure: string | null = null
  const waiting = await epochs.list()
  const worker = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        const found = await epochs.find(id)
        if (found !== null) keys.set(id, found.key)
      } catch (error) {
        failure ??= error instanceof Error ? error.message : String(error)
        keys.set(id, null)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { keys, failure }
}
