import { generateKeyPairSync, sign } from 'node:crypto'
import { bits, explicit, integer, oid, sequence, set, utf8 } from '../../testbed/der.ts'

/** A certificate request (RFC 2986) of a new key that is thrown away, as PEM. */
export function certificateRequest(commonName: string): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))))
  const key = publicKey.export({ type: 'spki', format: 'der' })
  const information = sequence(integer(Buffer.from([0])), subject, key, explicit(0, Buffer.alloc(0)))
  const signature = bits(sign('sha256', information, privateKey))
  const request = sequence(information, sequence(oid('1.2.840.10045.4.3.2')), signature)
  const lines = request.toString('base64').match(/.{1,64}/g)!
  const edge = (word: string): string => `-----${word} CERTIFICATE REQUEST-----`
  return [edge('BEGIN'), ...lines, edge('END'), ''].join('\n')
}
