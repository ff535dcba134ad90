import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { publicKeyDer } from './authority.ts'
import { bitString, explicit, integer, oid, readElement, readElements, sequence, Tag } from './der.ts'
import { decodePem, encodePem } from './pem.ts'

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
const MAXIMUM = 8 * 1024

/** PKCS#10 (RFC 2986) in PEM that proves possession of `key`. Its subject is empty: the issuer decides the name. */
export function createSigningRequest(key: KeyObject): string {
  const info = sequence(integer(Buffer.from([0])), sequence(), publicKeyDer(key), explicit(0))
  const signature = sign('sha256', info, { key, dsaEncoding: 'der' })
  return encodePem(
    'CERTIFICATE REQUEST',
    sequence(info, sequence(oid(ECDSA_WITH_SHA256)), bitString(signature)),
  )
}

/**
 * DER of the public key of a PKCS#10 request whose signature is right. Only P-256 keys. Names and attributes that the
 * request asks for are never looked at. Throws an Error whose message may be shown.
 */
export function readSigningRequest(pem: string): Buffer {
  const der = pem.length > MAXIMUM ? undefined : decodePem('CERTIFICATE REQUEST', pem)
  if (der === undefined) throw new Error('not a PEM certificate request')
  let info: Buffer
  let publicKey: Buffer
  let signature: Buffer
  try {
    const parts = readElements(readElement(der, Tag.sequence).content)
    const fields = readElements(parts[0]!.content)
    if (parts.length !== 3 || fields.length !== 4 || parts[2]!.tag !== Tag.bitString) throw new Error('shape')
    if (!parts[1]!.whole.equals(sequence(oid(ECDSA_WITH_SHA256)))) throw new Error('algorithm')
    // A signature is whole bytes: a count of unused bits other than 0 would be a second way to write it.
    if (parts[2]!.content[0] !== 0) throw new Error('signature')
    info = parts[0]!.whole
    publicKey = fields[2]!.whole
    signature = parts[2]!.content.subarray(1)
  } catch {
    throw new Error('the certificate request is not a PKCS#10 request signed with ecdsa-with-SHA256')
  }
  let key: KeyObject
  try {
    key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' })
  } catch {
    throw new Error('the certificate request holds no readable public key')
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error('the key of a certificate request must be P-256')
  }
  if (!verify('sha256', info, { key, dsaEncoding: 'der' }, signature)) {
    throw new Error('the signature of the certificate request is wrong')
  }
  return key.export({ type: 'spki', format: 'der' })
}
