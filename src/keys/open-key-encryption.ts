import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { disk } from '../audit/files/disk.ts'
import { fileKeyEncryption } from './file-key.ts'
import type { KeyEncryption } from './key-encryption.ts'
import type { KeyEncryptionChoice } from './key-encryption-choice.ts'

/**
 * The key-encryption key that somebody named, tried once. A key file that was named is never made here: of two gateways each would
 * make its own. Rejects when it cannot be had, or does not do what it must.
 */
export async function openKeyEncryption(choice: KeyEncryptionChoice): Promise<KeyEncryption> {
  const opened = await openChoice(choice, 'to-wrap')
  await prove(opened)
  return opened
}

/** Without trying it. `to-read`: it may be one that opens only. */
export async function openChoice(
  choice: KeyEncryptionChoice,
  use: 'to-wrap' | 'to-read',
): Promise<KeyEncryption> {
  if ('awsKms' in choice) {
    // Loaded only when chosen: the SDK would make every start slower.
    const { awsKmsEncryption } = await import('./aws-kms.ts')
    return awsKmsEncryption(choice.awsKms, use)
  }
  if ('vault' in choice) {
    const { vaultTransitEncryption } = await import('./vault-transit.ts')
    return vaultTransitEncryption(choice.vault)
  }
  const { file } = choice
  if (!existsSync(file)) {
    throw new Error(
      `the key file ${file} does not exist; make a new one with: (umask 077; openssl rand -hex 32 > ${file})`,
    )
  }
  return await fileKeyEncryption(disk, file, false)
}

/**
 * A key that may encrypt and not decrypt would be found out on the day of a restart; one that does not bind the context would
 * let wrapped keys be exchanged for each other.
 */
async function prove(key: KeyEncryption): Promise<void> {
  const plain = randomBytes(32)
  const wrapped = await key.wrap(plain, { purpose: 'sallyport-trial', key: 'one' })
  const back = await key.unwrap(wrapped, { purpose: 'sallyport-trial', key: 'one' })
  if (!plain.equals(back)) throw new Error(`${key.id} gave back another key than was wrapped`)
  const other = await key.unwrap(wrapped, { purpose: 'sallyport-trial', key: 'other' }).catch(() => null)
  if (other !== null) {
    throw new Error(
      `${key.id} does not bind a wrapped key to its context: take a key of a type with associated data (aes256-gcm96)`,
    )
  }
}
