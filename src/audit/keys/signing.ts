import { generateKeyPairSync } from 'node:crypto'
import { dirname } from 'node:path'
import { refuseReadableByOthers } from '../../keys/file-key.ts'
import type { Files } from '../files/files.ts'
import { readWhole, replaceWholeDurably } from '../files/whole.ts'
import { type NoteSigner, noteSigner } from '../log/note.ts'

/** The log's own key from a PKCS #8 file of mode 0600. `create` only for a log that has no checkpoint yet. */
export async function openSigningKey(
  files: Files,
  path: string,
  origin: string,
  create: boolean,
): Promise<NoteSigner> {
  let pem = (await readWhole(files, path))?.toString('latin1')
  if (pem === undefined) {
    if (!create) throw new Error(`the signing key ${path} of this log is missing`)
    pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    await files.makeDirectory(dirname(path), 0o700)
    await replaceWholeDurably(files, path, Buffer.from(pem), 0o600)
  }
  await refuseReadableByOthers(path)
  return noteSigner(origin, pem)
}
