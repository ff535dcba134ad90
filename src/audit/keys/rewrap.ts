import { join } from 'node:path'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { disk } from '../files/disk.ts'
import { readWhole } from '../files/whole.ts'
import { parseCheckpoint } from '../log/checkpoint.ts'
import { EPOCH_ID, epochKeys, writeEpochKey } from './epochs.ts'

export interface Rewrapped {
  readonly origin: string
  /** Keys of days that were wrapped anew, and those that were wrapped by the new key already. */
  readonly rewrapped: number
  readonly already: number
}

/**
 * Wraps the keys of all days of a stopped gateway's log anew, each in one durable step, so that it can be interrupted and
 * begun again. The data keys under them, the records and all proofs stay as they are. Rejects at the first key that
 * neither of the two opens; those before it are done.
 */
export async function rewrapEpochKeys(
  dataDir: string,
  from: KeyEncryption,
  to: KeyEncryption,
): Promise<Rewrapped> {
  const note = (await readWhole(disk, join(dataDir, 'checkpoint')))?.toString()
  if (note === undefined) throw new Error(`${dataDir} holds no audit log`)
  const unlock = await disk.lock(join(dataDir, 'lock')).catch(cause => {
    throw new Error(`the audit log ${dataDir} is open in another process: stop the gateway first`, { cause })
  })
  try {
    const { origin } = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
    const [former, current] = [from, to].map(key => epochKeys(disk, dataDir, origin, key))
    let rewrapped = 0
    let already = 0
    for (const name of (await disk.list(join(dataDir, 'keys'))).sort()) {
      const id = name.replace(/\.json$/, '')
      if (!EPOCH_ID.test(id)) continue
      if ((await current!.find(id).catch(() => null)) !== null) {
        already += 1
        continue
      }
      const key = await former!.find(id)
      if (key === null) continue
      await writeEpochKey(disk, dataDir, origin, to, key)
      rewrapped += 1
    }
    return { origin, rewrapped, already }
  } finally {
    unlock()
  }
}
