import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileKeyEncryption } from '../../keys/file-key.ts'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import { disk } from '../files/disk.ts'
import { readWhole } from '../files/whole.ts'
import { epochKeys } from '../keys/epochs.ts'
import { parseCheckpoint } from '../log/checkpoint.ts'
import { openAuditIndex } from './open-index.ts'

/**
 * Drops the index of a stopped gateway and makes it anew from the log, up to the last checkpoint. Returns the
 * number of entries. A running gateway rebuilds its own: `AuditIndex.rebuild`.
 */
export async function rebuildIndex(
  dataDir: string,
  options: { readonly keyEncryption?: KeyEncryption; readonly databaseFile?: string } = {},
): Promise<number> {
  const note = (await readWhole(disk, join(dataDir, 'checkpoint')))?.toString()
  if (note === undefined) throw new Error(`${dataDir} holds no audit log`)
  const unlock = await disk.lock(join(dataDir, 'lock')).catch(error => {
    throw new Error(`the audit log ${dataDir} is open in another process`, { cause: error })
  })
  try {
    const { origin, size, root } = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
    const keys =
      options.keyEncryption ?? (await fileKeyEncryption(disk, join(dataDir, 'secrets', 'kek'), false))
    const databaseFile = options.databaseFile ?? join(dataDir, 'index.sqlite')
    for (const end of ['', '-wal', '-shm']) await rm(`${databaseFile}${end}`, { force: true })
    const never = () => () => {}
    const index = openAuditIndex(
      {
        dataDir,
        origin,
        files: disk,
        epochs: epochKeys(disk, dataDir, origin, keys),
        size,
        checkpoint: { size, root, note },
        flush: async () => {},
        onDurable: never,
        onCheckpoint: never,
      },
      { databaseFile },
    )
    try {
      await index.caughtUp(size)
    } finally {
      await index.close()
    }
    return size
  } finally {
    unlock()
  }
}
