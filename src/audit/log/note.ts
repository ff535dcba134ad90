import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** Signed notes: C2SP signed-note v1, Ed25519 (signature type 1) only. */
export interface NoteSigner {
  readonly name: string
  /** `<name>+<key id in hex>+<base64 of type and public key>` */
  readonly vkey: string
  /** Text (ending with a newline) to the whole note. */
  sign(text: string): string
}

const ED25519_TYPE = 1
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex') // RFC 8410 section 4

/** @param pem PKCS #8 of an Ed25519 key. */
export function noteSigner(name: string, pem: string): NoteSigner {
  checkName(name)
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the key of the log must be an Ed25519 key')
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const typed = Buffer.concat([Buffer.from([ED25519_TYPE]), spki.subarray(SPKI_PREFIX.length)])
  const id = keyId(name, typed)
  return {
    name,
    vkey: `${name}+${id.toString('hex')}+${typed.toString('base64')}`,
    sign(text) {
      if (!text.endsWith('\n')) throw new Error('the text of a note must end with a newline')
      const signature = Buffer.concat([id, sign(null, Buffer.from(text), key)])
      return `${text}\n\u2014 ${name} ${signature.toString('base64')}\n`
    },
  }
}

/** Text of a note that carries a valid signature of the key; signatures of other keys are ignored, as the spec says. */
export function openNote(note: string, vkey: string): string {
  const { name, id, key } = parseVkey(vkey)
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) throw new Error('not a signed note')
  const text = note.slice(0, split + 1)
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const match = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line)
    if (match === null) throw new Error('a signature line of the note is malformed')
    const signature = Buffer.from(match[2]!, 'base64')
    if (match[1] !== name || signature.length < 5 || !signature.subarray(0, 4).equals(id)) continue
    if (signature.length === 68 && verify(null, Buffer.from(text), key, signature.subarray(4))) return text
    throw new Error(`the signature of ${name} on the note is wrong`)
  }
  throw new Error(`the note carries no signature of ${name} with this key`)
}

function parseVkey(vkey: string): { name: string; id: Buffer; key: KeyObject } {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(vkey.trim())
  if (match === null) throw new Error('not a verifier key')
  const typed = Buffer.from(match[3]!, 'base64')
  if (typed.length !== 33 || typed[0] !== ED25519_TYPE) throw new Error('not an Ed25519 verifier key')
  const id = keyId(match[1]!, typed)
  if (id.toString('hex') !== match[2]) throw new Error('the key id of the verifier key does not fit its key')
  const der = Buffer.concat([SPKI_PREFIX, typed.subarray(1)])
  return { name: match[1]!, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

function keyId(name: string, typed: Buffer): Buffer {
  return createHash('sha256').update(`${name}\n`).update(typed).digest().subarray(0, 4)
}

function checkName(name: string): void {
  if (!/^[^\s+]{1,200}$/u.test(name))
    throw new Error('the origin of a log has no space, no plus sign, and 1 to 200 characters')
}
