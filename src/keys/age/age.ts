/**
 * Files of age (age-encryption.org/v1, C2SP `age.md`) for X25519 recipients, by the npm package of age's author. It is
 * loaded only where there are recipients or identities. Its errors quote what they were given, identities too: none of
 * them goes on.
 */
export interface Recipient {
  /** `age1…` */
  readonly text: string
}

/** Holds the secret where nobody prints it. */
export interface Identity {
  decrypt(file: Uint8Array): Promise<Uint8Array>
}

/** The letters of bech32 (BIP 173): 32 bytes and a checksum. Other kinds of recipients are longer, or hold a `1`. */
const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/
const IDENTITY = /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/

/** Rejects with what is wrong; never with the text, which may be an identity pasted by mistake. */
export async function parseRecipient(text: string): Promise<Recipient> {
  const { Encrypter } = await import('age-encryption')
  try {
    if (!RECIPIENT.test(text)) throw new Error()
    new Encrypter().addRecipient(text)
  } catch {
    throw new Error('not an X25519 recipient of age (age1…)')
  }
  return { text }
}

export async function parseIdentity(text: string): Promise<Identity> {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  const trimmed = text.trim()
  const upper = trimmed === trimmed.toLowerCase() ? trimmed.toUpperCase() : trimmed
  try {
    if (!IDENTITY.test(upper)) throw new Error()
    decrypter.addIdentity(upper)
  } catch {
    throw new Error('not an X25519 identity of age (AGE-SECRET-KEY-1…)')
  }
  return { decrypt: file => decrypter.decrypt(file) }
}

/** Lines of a file; `#` begins a comment. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
}

/** @param recipients Parsed ones, at least one. */
export async function ageEncrypt(recipients: readonly Recipient[], content: Uint8Array): Promise<Buffer> {
  if (recipients.length === 0) throw new Error('nobody to encrypt for')
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  for (const { text } of recipients) encrypter.addRecipient(text)
  return bufferOf(await encrypter.encrypt(content))
}

/** Null when none of the identities is meant. Rejects for what is damaged or no such file. */
export async function ageDecrypt(identities: readonly Identity[], file: Uint8Array): Promise<Buffer | null> {
  for (const identity of identities) {
    try {
      return bufferOf(await identity.decrypt(file))
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('no identity matched'))
        throw new Error('not a file of age, or it was changed')
    }
  }
  return null
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
