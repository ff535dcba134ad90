import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Files } from '../audit/files/files.ts'
import { readWhole, replaceWholeDurably } from '../audit/files/whole.ts'
import type { KeyEncryption } from './key-encryption.ts'

const NONCE = 12
const TAG = 16

/**
 * AES-256-GCM under a key in a file of 32 bytes in hex, made when it is missing; wrapped = nonce, ciphertext, tag.
 * Refuses a file that others may read.
 */
export async function fileKeyEncryption(files: Files, path: string, create: boolean): Promise<KeyEncryption> {
  let text = (await readWhole(files, path))?.toString('latin1')
  if (text === undefined) {
    if (!create) throw new Error(`the key file ${path} does not exist`)
    await files.makeDirectory(dirname(path), 0o700)
    text = `${randomBytes(32).toString('hex')}\n`
    await replaceWholeDurably(files, path, Buffer.from(text), 0o600)
  }
  await refuseReadableByOthers(path)
  if (!/^[0-9a-f]{64}\n?$/.test(text)) throw new Error(`the key file ${path} does not hold 32 bytes in hex`)
  const key = Buffer.from(text.slice(0, 64), 'hex')
  return {
    id: `file:${hash('sha256', Buffer.concat([Buffer.from('sallyport key id\n'), key]), 'hex').slice(0, 16)}`,
    async wrap(plain, context) {
      const nonce = randomBytes(NONCE)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(contextBytes(context))
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    },
    async unwrap(wrapped, context) {
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, NONCE), {
          authTagLength: TAG,
        })
        decipher.setAAD(contextBytes(context))
        decipher.setAuthTag(wrapped.subarray(-TAG))
        return Buffer.concat([decipher.update(wrapped.subarray(NONCE, -TAG)), decipher.final()])
      } catch (cause) {
        const names = Object.values(context).join(', ')
        throw new Error(
          `the wrapped key of ${names} was changed, or made with another key file than ${path}`,
          { cause },
        )
      }
    },
  }
}

/** `name=value` lines in the order of the names. */
function contextBytes(context: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(context).sort()
  return Buffer.from(names.map(name => `${name}=${context[name]}\n`).join(''))
}

/** A key that others can read protects nothing. Windows has no such bits. */
export async function refuseReadableByOthers(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const status = await stat(path).catch(() => null)
  if (status !== null && (status.mode & 0o077) !== 0) {
    throw new Error(`${path} can be read by others; make it private with: chmod 600 ${path}`)
  }
}
