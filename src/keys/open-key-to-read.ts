import { resolve } from 'node:path'
import type { KeyEncryption } from './key-encryption.ts'
import type { KeyEncryptionChoice } from './key-encryption-choice.ts'
import { openChoice } from './open-key-encryption.ts'
import { parseKeyEncryption } from './parse-key-encryption.ts'

/**
 * The keys with which somebody reads a log: key files, or what `up --key-encryption` takes. Several where the key was
 * changed and old days are still wrapped by the former one. They are only asked to unwrap, so that the right to
 * decrypt is enough; nothing is tried before the first use. Rejects when one cannot be named so, or its file be read.
 */
export async function openKeysToRead(words: readonly string[]): Promise<KeyEncryption> {
  const keys: KeyEncryption[] = []
  for (const word of words) keys.push(await openChoice(parseKeyToRead(word), 'to-read'))
  return {
    id: keys.map(key => key.id).join(', '),
    wrap: () => Promise.reject(new Error('this key was opened to read')),
    async unwrap(wrapped, context) {
      const failures: string[] = []
      for (const key of keys) {
        try {
          return await key.unwrap(wrapped, context)
        } catch (error) {
          failures.push(error instanceof Error ? error.message : String(error))
        }
      }
      throw new Error(failures.join('; '))
    },
  }
}

/** A path, or one of the forms of `up --key-encryption`. A file that is named like one is given as `./NAME`. */
function parseKeyToRead(word: string): KeyEncryptionChoice {
  return /^(?:file|aws-kms|vault):/.test(word) ? parseKeyEncryption(word) : { file: resolve(word) }
}
