import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { decodeBech32 } from './bech32.ts'

/**
 * Files of age (age-encryption.org/v1, C2SP `age.md`) for X25519 recipients, as far as a key needs them: synchronous,
 * because a data key is made in the middle of an append, and at most 64 KiB of content.
 */
export interface Recipient {
  /** `age1…` */
  readonly text: string
  readonly publicKey: KeyObject
  readonly bytes: Buffer
}

export interface Identity {
  readonly privateKey: KeyObject
  readonly recipient: Buffer
}

const VERSION = 'age-encryption.org/v1'
const INFO = `${VERSION}/X25519`
const TAG = 16
/** One chunk: counter zero, last. */
const CHUNK_NONCE = Buffer.from('000000000000000000000001', 'hex')
const LONGEST = 64 * 1024
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** @throws Error naming what is wrong; never the text, which may be an identity pasted by mistake. */
export function parseRecipient(text: string): Recipient {
  const bytes = decodeBech32(text, 'age')
  if (bytes?.length !== 32 || text !== text.toLowerCase())
    throw new Error('not an X25519 recipient of age (age1…)')
  return { text, bytes, publicKey: publicKeyOf(bytes) }
}

export function parseIdentity(text: string): Identity {
  const bytes = decodeBech32(text.trim(), 'age-secret-key-')
  if (bytes?.length !== 32) throw new Error('not an X25519 identity of age (AGE-SECRET-KEY-1…)')
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, bytes]), format: 'der', type: 'pkcs8' })
  return { privateKey, recipient: rawOf(createPublicKey(privateKey)) }
}

/** Lines of a file; `#` begins a comment. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
}

export function ageEncrypt(recipients: readonly Recipient[], content: Uint8Array): Buffer {
  if (recipients.length === 0 || content.length > LONGEST)
    throw new Error('nothing to encrypt for, or too much')
  const fileKey = randomBytes(16)
  const lines = [VERSION]
  for (const recipient of recipients) {
    const ephemeral = generateKeyPairSync('x25519')
    const share = rawOf(ephemeral.publicKey)
    const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient.publicKey })
    const wrapped = seal(wrapKey(shared, share, recipient.bytes), Buffer.alloc(12), fileKey)
    lines.push(`-> X25519 ${base64(share)}`, base64(wrapped))
  }
  const header = `${lines.join('\n')}\n---`
  const nonce = randomBytes(16)
  const payload = seal(derive(fileKey, nonce, 'payload'), CHUNK_NONCE, content)
  return Buffer.concat([Buffer.from(`${header} ${base64(macOf(fileKey, header))}\n`), nonce, payload])
}

/** Null when none of the identities is meant. @throws Error for what is damaged or no such file. */
export function ageDecrypt(identities: readonly Identity[], file: Buffer): Buffer | null {
  const headerEnd = file.indexOf('\n---')
  const end = file.indexOf(10, headerEnd + 1)
  if (headerEnd < 0 || end < 0) throw new Error('not a file of age')
  const header = file.toString('latin1', 0, headerEnd + 4)
  const lines = header.split('\n')
  if (lines[0] !== VERSION) throw new Error('not a file of age')
  for (let at = 1; at < lines.length - 1; at += 1) {
    const share = /^-> X25519 ([A-Za-z0-9+/]{43})$/.exec(lines[at]!)?.[1]
    if (share === undefined) continue
    const wrapped = unbase64(lines[at + 1] ?? '')
    for (const identity of identities) {
      const fileKey = unwrap(identity, unbase64(share), wrapped)
      if (fileKey === null) continue
      const mac = file[headerEnd + 4] === 32 ? unbase64(file.toString('latin1', headerEnd + 5, end)) : null
      const expected = macOf(fileKey, header)
      if (mac?.length !== expected.length || !timingSafeEqual(mac, expected))
        throw new Error('its header was changed')
      const payload = file.subarray(end + 1)
      return open(derive(fileKey, payload.subarray(0, 16), 'payload'), CHUNK_NONCE, payload.subarray(16))
    }
  }
  return null
}

function unwrap(identity: Identity, share: Buffer | null, wrapped: Buffer | null): Buffer | null {
  if (share?.length !== 32 || wrapped?.length !== 16 + TAG) return null
  try {
    const shared = diffieHellman({ privateKey: identity.privateKey, publicKey: publicKeyOf(share) })
    return open(wrapKey(shared, share, identity.recipient), Buffer.alloc(12), wrapped)
  } catch {
    return null
  }
}

function wrapKey(shared: Buffer, share: Buffer, recipient: Buffer): Buffer {
  if (shared.every(byte => byte === 0)) throw new Error('a point of low order')
  return derive(shared, Buffer.concat([share, recipient]), INFO)
}

function derive(secret: Buffer, salt: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, 32))
}

function macOf(fileKey: Buffer, header: string): Buffer {
  return createHmac('sha256', derive(fileKey, Buffer.alloc(0), 'header'))
    .update(header)
    .digest()
}

function seal(key: Buffer, nonce: Buffer, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG })
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function open(key: Buffer, nonce: Buffer, bytes: Buffer): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG })
  decipher.setAuthTag(bytes.subarray(-TAG))
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG)), decipher.final()])
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' })
}

function rawOf(key: KeyObject): Buffer {
  return (key.export({ type: 'spki', format: 'der' }) as Buffer).subarray(SPKI.length)
}

/** Without padding. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/** Null for what is not exactly the form without padding. */
function unbase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return base64(bytes) === text ? bytes : null
}
