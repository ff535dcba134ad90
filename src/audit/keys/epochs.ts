import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { within } from '../files/deadline.ts'
import type { Files } from '../files/files.ts'
import { readWhole, replaceWholeDurably } from '../files/whole.ts'

/** Destroying the file of an epoch key destroys all heads and bodies of its class and day, and breaks no proof. */
export type KeyClass = 'shown' | 'sealed'

export interface EpochKey {
  /** `<class>-<yyyy-mm-dd>` */
  readonly id: string
  readonly key: Buffer
}

export interface EpochKeys {
  /** The key of the class and day (days since the epoch, UTC); made durable on first use. */
  obtain(keyClass: KeyClass, day: number): Promise<EpochKey>
  /** An existing key by its id; null when it is gone. */
  find(id: string): Promise<EpochKey | null>
  /** Ids of the keys that are here, oldest day first, without opening any. */
  list(): Promise<string[]>
  /** Puts a key out of reach, durably; `destroy` then ends it. False: it is not here. */
  retire(id: string): Promise<boolean>
  /** Removes what `retire` put away, durably. */
  destroy(id: string): Promise<void>
  /** Put away and not destroyed: the process before died between the two. */
  retired(): Promise<string[]>
}

/** Milliseconds for an answer of whoever wraps keys. */
const KEY_DEADLINE = 10_000

export const EPOCH_ID = /^(shown|sealed)-\d{4}-\d\d-\d\d$/

/** One small file per class and day: `keys/<id>.json` with the wrapped key. */
export function epochKeys(
  files: Files,
  directory: string,
  origin: string,
  keyEncryption: KeyEncryption,
): EpochKeys {
  const path = (id: string) => join(directory, 'keys', `${id}.json`)

  async function find(id: string): Promise<EpochKey | null> {
    if (!EPOCH_ID.test(id)) return null
    const text = await readWhole(files, path(id))
    if (text === null) return null
    const stored = parseStored(text)
    if (stored?.v !== 1 || stored.epoch !== id || typeof stored.wrapped !== 'string') {
      throw new Error(`${path(id)} is not the wrapped key of ${id}`)
    }
    return {
      id,
      key: await within(
        keyEncryption.unwrap(Buffer.from(stored.wrapped, 'base64'), { origin, epoch: id }),
        KEY_DEADLINE,
        `${keyEncryption.id}: unwrapping the key ${id}`,
      ),
    }
  }

  const retiredPath = (id: string) => `${path(id)}.shred`

  async function ids(end: string): Promise<string[]> {
    const names = await files.list(join(directory, 'keys'))
    return names
      .filter(name => name.endsWith(end) && EPOCH_ID.test(name.slice(0, -end.length)))
      .map(name => name.slice(0, -end.length))
      .sort((a, b) => (dayOf(a) < dayOf(b) ? -1 : dayOf(a) > dayOf(b) ? 1 : a < b ? -1 : 1))
  }

  return {
    find,
    list: () => ids('.json'),
    retired: () => ids('.json.shred'),
    async retire(id) {
      if (!(await ids('.json')).includes(id)) return (await ids('.json.shred')).includes(id)
      await files.rename(path(id), retiredPath(id))
      await files.syncDirectory(join(directory, 'keys'))
      return true
    },
    async destroy(id) {
      // Not overwritten: no file system of today promises that it writes in place. The disk should be encrypted.
      await files.remove(retiredPath(id))
      await files.syncDirectory(join(directory, 'keys'))
    },
    async obtain(keyClass, day) {
      const id = `${keyClass}-${new Date(day * 86_400_000).toISOString().slice(0, 10)}`
      const existing = await find(id)
      if (existing !== null) return existing
      const key = randomBytes(32)
      await writeEpochKey(files, directory, origin, keyEncryption, { id, key })
      return { id, key }
    },
  }
}

/** Makes the wrapped key durable, in place of any other of the same id. */
export async function writeEpochKey(
  files: Files,
  directory: string,
  origin: string,
  keyEncryption: KeyEncryption,
  { id, key }: EpochKey,
): Promise<void> {
  const wrapped = await within(
    keyEncryption.wrap(key, { origin, epoch: id }),
    KEY_DEADLINE,
    `${keyEncryption.id}: wrapping the key ${id}`,
  )
  const stored = { v: 1, epoch: id, kek: keyEncryption.id, wrapped: wrapped.toString('base64') }
  await files.makeDirectory(join(directory, 'keys'), 0o755)
  await replaceWholeDurably(
    files,
    join(directory, 'keys', `${id}.json`),
    Buffer.from(`${JSON.stringify(stored)}\n`),
    0o600,
  )
}

/** `yyyy-mm-dd` */
export function dayOf(id: string): string {
  return id.slice(id.indexOf('-') + 1)
}

/** Null for what is no JSON object. */
function parseStored(text: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    return JSON.parse(text.toString()) as Readonly<Record<string, unknown>> | null
  } catch {
    return null
  }
}
