import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import type { Files } from '../audit/files/files.ts'
import { readWhole, replaceWholeDurably } from '../audit/files/whole.ts'
import { type Cosigner, cosigner } from '../audit/log/cosignature.ts'
import { parseVerifierKey } from '../audit/log/note.ts'
import { refuseReadableByOthers } from '../keys/file-key.ts'

/**
 * The witness' own key in its directory, made at the first start: `key.pem` (mode 0600), and `witness.vkey` for
 * those who verify. Key and state lie together on purpose: a key that lives on without its state would cosign a fork.
 * @param name For a new key; an existing one keeps its name, and another name given is an Error.
 */
export async function openWitnessKey(
  files: Files,
  directory: string,
  name: string | undefined,
  fallback: () => string,
): Promise<Cosigner> {
  const file = join(directory, 'key.pem')
  const vkeyFile = join(directory, 'witness.vkey')
  const vkey = (await readWhole(files, vkeyFile))?.toString().trim()
  const pem = (await readWhole(files, file))?.toString('latin1')
  if (vkey === undefined) {
    if (pem !== undefined || (await files.list(join(directory, 'logs'))).length > 0) {
      throw new Error(`${vkeyFile} is missing although this witness has been at work`)
    }
    return create(files, directory, name ?? fallback())
  }
  if (pem === undefined) throw new Error(`the key of this witness, ${file}, is missing`)
  await refuseReadableByOthers(file)
  const known = parseVerifierKey(vkey).name
  if (name !== undefined && name !== known) {
    throw new Error(`this witness is ${known}; another name needs another directory`)
  }
  const signer = cosigner(known, pem)
  if (signer.vkey !== vkey) throw new Error(`${file} is not the key of ${vkeyFile}`)
  return signer
}

async function create(files: Files, directory: string, name: string): Promise<Cosigner> {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const signer = cosigner(name, pem)
  await files.makeDirectory(directory, 0o700)
  await replaceWholeDurably(files, join(directory, 'key.pem'), Buffer.from(pem), 0o600)
  await replaceWholeDurably(files, join(directory, 'witness.vkey'), Buffer.from(`${signer.vkey}\n`))
  return signer
}
