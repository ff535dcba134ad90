import type { KeyEncryption } from '../keys/key-encryption.ts'
import { usage } from './frame/failure.ts'

/** What `--keys` names: key files, or what `up --key-encryption` takes. */
export async function keysToRead(words: readonly string[]): Promise<KeyEncryption> {
  const { openKeysToRead } = await import('../keys/open-key-to-read.ts')
  try {
    return await openKeysToRead(words)
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error))
  }
}

/** Whether somebody has to be asked to unwrap, and no file is enough. */
export function isKeyService(word: string): boolean {
  return word.startsWith('aws-kms:') || word.startsWith('vault:')
}
