import { existsSync } from 'node:fs'
import { disk } from '../audit/files/disk.ts'
import { fileKeyEncryption } from './file-key.ts'
import type { KeyEncryption } from './key-encryption.ts'
import type { KeyEncryptionChoice } from './parse-key-encryption.ts'

/**
 * The key-encryption key that somebody named. A key file that was named is never made here: of two gateways each would
 * make its own. Rejects when it cannot be had.
 */
export async function openKeyEncryption(choice: KeyEncryptionChoice): Promise<KeyEncryption> {
  const { file } = choice
  if (!existsSync(file)) {
    throw new Error(
      `the key file ${file} does not exist; make a new one with: (umask 077; openssl rand -hex 32 > ${file})`,
    )
  }
  return await fileKeyEncryption(disk, file, false)
}
