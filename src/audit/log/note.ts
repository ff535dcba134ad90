import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'

/** Signed notes: C2SP signed-note v1. Ed25519 only, as a log's own signature (type 1) or a cosignature (type 4). */
export interface NoteSigner {
  readonly name: string
  /** `<name>+<key id in hex>+<base64 of type and public key>` */
  readonly vkey: string
  /** Text (ending with a newline) to the whole note. */
  sign(text: string): string
}

export const SignatureType = { log: 1, cosignature: 4 } as const
type SignatureType = (typeof SignatureType)[keyof typeof SignatureType]

export interface VerifierKey {
  readonly name: string
  /** First four bytes of SHA-256 over name, newline, type and public key. */
  readonly id: Buffer
  readonly type: SignatureType
  readonly key: KeyObject
}

export interface SplitNote {
  /** With its final newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface NoteSignature {
  readonly name: string
  readonly id: Buffer
  /** What follows the key id. */
  readonly bytes: Buffer
  /** The whole line, with its newline. */
  readonly line: string
}

/** The specification asks for 16 at least. */
const MOST_SIGNATURES = 100
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex') // RFC 8410 section 4

/** @param pem PKCS #8 of an Ed25519 key. */
export function noteSigner(name: string, pem: string): NoteSigner {
  const { key, id, vkey } = openPrivateKey(name, pem, SignatureType.log)
  return {
    name,
    vkey,
    sign(text) {
      if (!text.endsWith('\n')) throw new Error('the text of a note must end with a newline')
      return `${text}\n${signatureLine(name, id, sign(null, Buffer.from(text), key))}`
    },
  }
}

export function openPrivateKey(name: string, pem: string, type: SignatureType) {
  if (!/^[^\s+\p{Cc}]{1,200}$/u.test(name)) {
    throw new Error(
      'the name of a key (the origin of a log) has no space, no plus sign, and 1 to 200 characters',
    )
  }
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`the key of ${name} must be an Ed25519 key`)
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const typed = Buffer.concat([Buffer.from([type]), spki.subarray(SPKI_PREFIX.length)])
  const id = keyId(name, typed)
  return { key, id, vkey: `${name}+${id.toString('hex')}+${typed.toString('base64')}` }
}

export function signatureLine(name: string, id: Buffer, signature: Buffer): string {
  return `\u2014 ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`
}

/** Text of a note that carries a valid signature of the log's key; signatures of other keys are ignored, as the spec says. */
export function openNote(note: string, vkey: string): string {
  const key = parseVerifierKey(vkey)
  if (key.type !== SignatureType.log) throw new Error('this is the verifier key of a witness, not of a log')
  const { text, signatures } = splitNote(note)
  const own = signaturesOf(signatures, key)
  if (own.length === 0) throw new Error(`the note carries no signature of ${key.name} with this key`)
  // One that does not verify makes the note malformed, whatever stands beside it.
  for (const { bytes } of own) {
    if (bytes.length === 64 && verify(null, Buffer.from(text), key.key, bytes)) continue
    throw new Error(`the signature of ${key.name} on the note is wrong`)
  }
  return text
}

export function signaturesOf(signatures: readonly NoteSignature[], key: VerifierKey): NoteSignature[] {
  return signatures.filter(one => one.name === key.name && one.id.equals(key.id))
}

/** Text and signature lines; nothing is verified. Throws an Error for what is no note. */
export function splitNote(note: string): SplitNote {
  const at = note.lastIndexOf('\n\n')
  if (at < 0 || !note.endsWith('\n') || at + 2 >= note.length) throw new Error('not a signed note')
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Error('the note holds control characters')
  const lines = note.slice(at + 2, -1).split('\n')
  if (lines.length > MOST_SIGNATURES) throw new Error('the note carries too many signatures')
  return { text: note.slice(0, at + 1), signatures: lines.map(parseSignatureLine) }
}

export function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line)
  const raw = Buffer.from(match?.[2] ?? '', 'base64')
  if (match === null || raw.length < 5) throw new Error('a signature line of the note is malformed')
  return { name: match[1]!, id: raw.subarray(0, 4), bytes: raw.subarray(4), line: `${line}\n` }
}

/** Throws an Error when it is none, or of a kind that is not used here. */
export function parseVerifierKey(vkey: string): VerifierKey {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u.exec(vkey.trim())
  if (match === null) throw new Error('not a verifier key')
  const typed = Buffer.from(match[3]!, 'base64')
  const type = typed[0]
  if (typed.length !== 33 || (type !== SignatureType.log && type !== SignatureType.cosignature)) {
    throw new Error('not an Ed25519 verifier key')
  }
  const id = keyId(match[1]!, typed)
  if (id.toString('hex') !== match[2]) throw new Error('the key id of the verifier key does not fit its key')
  const der = Buffer.concat([SPKI_PREFIX, typed.subarray(1)])
  return { name: match[1]!, id, type, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

function keyId(name: string, typed: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer').subarray(0, 4)
}
