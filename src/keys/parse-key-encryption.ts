import { isAbsolute } from 'node:path'

/** Which key-encryption key. Holds no secret: what opens a key service is named, not given. */
export interface KeyEncryptionChoice {
  /** 32 bytes in hex, mode 0600. */
  readonly file: string
}

/** `--key-encryption` or `SALLYPORT_KEY_ENCRYPTION`; undefined when neither is given. Throws an Error that says what is wrong. */
export function chooseKeyEncryption(
  word: string | undefined,
  env: NodeJS.ProcessEnv,
): KeyEncryptionChoice | undefined {
  const text = word ?? (env.SALLYPORT_KEY_ENCRYPTION === '' ? undefined : env.SALLYPORT_KEY_ENCRYPTION)
  return text === undefined ? undefined : parseKeyEncryption(text)
}

export function parseKeyEncryption(text: string): KeyEncryptionChoice {
  const file = /^file:(.*)$/s.exec(text)?.[1]
  if (file === undefined) throw new Error('the key-encryption key is named as file:/path')
  if (!isAbsolute(file)) throw new Error('the key file of file:/path is given with its whole path')
  return { file }
}
