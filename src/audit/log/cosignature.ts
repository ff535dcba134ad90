import { sign, verify } from 'node:crypto'
import {
  openPrivateKey,
  parseSignatureLine,
  SignatureType,
  type SplitNote,
  signatureLine,
  signaturesOf,
  splitNote,
  type VerifierKey,
} from './note.ts'

/**
 * Cosignatures of witnesses: C2SP tlog-cosignature v1, Ed25519 (type 4). One says: at this time this was the largest
 * consistent tree of that log that I had seen.
 */
export interface Cosigner {
  readonly name: string
  readonly vkey: string
  /** Signature line over the text of a checkpoint, with its newline. @param time Milliseconds since the epoch. */
  cosign(text: string, time: number): string
}

const TIME_BYTES = 8

/** @param pem PKCS #8 of an Ed25519 key that signs nothing else. */
export function cosigner(name: string, pem: string): Cosigner {
  const { key, id, vkey } = openPrivateKey(name, pem, SignatureType.cosignature)
  return {
    name,
    vkey,
    cosign(text, time) {
      const seconds = Math.floor(time / 1000)
      const stamp = Buffer.alloc(TIME_BYTES)
      stamp.writeBigUInt64BE(BigInt(seconds))
      const signature = sign(null, message(text, String(seconds)), key)
      return signatureLine(name, id, Buffer.concat([stamp, signature]))
    },
  }
}

export interface Cosignature {
  /** Milliseconds since the epoch, as the witness says. */
  readonly time: number
  readonly line: string
}

/** The witness' cosignature on a note; null when it carries none. Throws an Error when one of that key is wrong. */
export function cosignatureOn(note: SplitNote, key: VerifierKey): Cosignature | null {
  let newest: Cosignature | null = null
  for (const { bytes, line } of signaturesOf(note.signatures, key)) {
    const good =
      key.type === SignatureType.cosignature &&
      bytes.length === TIME_BYTES + 64 &&
      verify(null, message(note.text, String(bytes.readBigUInt64BE(0))), key.key, bytes.subarray(TIME_BYTES))
    if (!good) throw new Error(`the cosignature of ${key.name} is wrong`)
    const time = Number(bytes.readBigUInt64BE(0)) * 1000
    if (newest === null || time > newest.time) newest = { time, line }
  }
  return newest
}

/**
 * The valid cosignature of `key` among the lines that a witness answered; others are ignored, as the spec says.
 * Throws an Error when there is none.
 */
export function cosignatureAmong(answer: string, checkpoint: string, key: VerifierKey): Cosignature {
  const { text } = splitNote(checkpoint)
  const signatures = answer
    .split('\n')
    .slice(0, 17)
    .filter(line => line !== '')
    .map(parseSignatureLine)
  const found = cosignatureOn({ text, signatures }, key)
  if (found === null) throw new Error(`the answer carries no cosignature of ${key.name}`)
  return found
}

function message(text: string, seconds: string): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`)
}
