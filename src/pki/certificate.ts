import { createHash, type KeyObject, randomBytes, sign, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  readElement,
  readElements,
  sequence,
  Tag,
  time,
  tlv,
  utf8String,
} from './der.ts'

/** One entry of subjectAltName. */
export interface AlternativeName {
  readonly kind: 'dns' | 'ip' | 'uri'
  readonly value: string
}

export interface CertificateRequest {
  readonly commonName: string
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  readonly role: 'authority' | 'server' | 'client'
  readonly names: readonly AlternativeName[]
}

export interface Issuer {
  readonly key: KeyObject
  /** Absent: the certificate is self-signed with `key`. */
  readonly certificate?: X509Certificate
}

const oids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** keyUsage bits, first bit highest (RFC 5280 4.2.1.3): keyCertSign + cRLSign; digitalSignature. */
const SIGN_CERTIFICATES = bitString(Buffer.from([0x06]), 1)
const SIGN_HANDSHAKES = bitString(Buffer.from([0x80]), 7)

/** Signs an X.509 v3 certificate (RFC 5280) with an EC key, ecdsa-with-SHA256. Returns DER. */
export function signCertificate(request: CertificateRequest, issuer: Issuer): Buffer {
  const subject = nameOf(request.commonName)
  const algorithm = sequence(oid(oids.ecdsaWithSha256))
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    issuer.certificate === undefined ? subject : subjectOf(issuer.certificate),
    sequence(time(request.notBefore), time(request.notAfter)),
    subject,
    request.publicKey,
    explicit(3, sequence(...extensions(request, issuer))),
  )
  const signature = sign('sha256', body, { key: issuer.key, dsaEncoding: 'der' })
  return sequence(body, algorithm, bitString(signature))
}

function extensions(request: CertificateRequest, issuer: Issuer): Buffer[] {
  const authority = request.role === 'authority'
  const issuerKey = issuer.certificate?.publicKey.export({ type: 'spki', format: 'der' }) ?? request.publicKey
  const list = [
    // An authority of ours signs leaves only: path length 0.
    extension(
      oids.basicConstraints,
      true,
      authority ? sequence(boolean(true), integer(Buffer.from([0]))) : sequence(),
    ),
    extension(oids.keyUsage, true, authority ? SIGN_CERTIFICATES : SIGN_HANDSHAKES),
    extension(oids.subjectKeyIdentifier, false, octetString(keyIdentifier(request.publicKey))),
    extension(oids.authorityKeyIdentifier, false, sequence(implicit(0, keyIdentifier(issuerKey)))),
  ]
  if (!authority) {
    const purpose = request.role === 'server' ? oids.serverAuth : oids.clientAuth
    list.push(extension(oids.extendedKeyUsage, false, sequence(oid(purpose))))
  }
  if (request.names.length > 0) {
    list.push(extension(oids.subjectAltName, false, sequence(...request.names.map(alternativeName))))
  }
  return list
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return critical
    ? sequence(oid(id), boolean(true), octetString(value))
    : sequence(oid(id), octetString(value))
}

function alternativeName(name: AlternativeName): Buffer {
  if (name.kind === 'dns') return implicit(2, Buffer.from(name.value, 'latin1'))
  if (name.kind === 'uri') return implicit(6, Buffer.from(name.value, 'latin1'))
  return implicit(7, addressBytes(name.value))
}

function nameOf(commonName: string): Buffer {
  return sequence(tlv(Tag.set, sequence(oid(oids.commonName), utf8String(commonName))))
}

/** The issuer field of a leaf must be the very bytes of the authority's subject. */
function subjectOf(certificate: X509Certificate): Buffer {
  const [body] = readElements(readElement(certificate.raw, Tag.sequence).content)
  return readElements(body!.content)[5]!.whole
}

/** RFC 7093 2 (1): the leftmost 160 bits of the SHA-256 of the public key's bits. */
function keyIdentifier(publicKey: Uint8Array): Buffer {
  const bits = readElements(readElement(publicKey, Tag.sequence).content)[1]!.content.subarray(1)
  return createHash('sha256').update(bits).digest().subarray(0, 20)
}

/** 4 or 16 bytes of an IP address. */
function addressBytes(address: string): Buffer {
  const version = isIP(address)
  if (version === 4) return Buffer.from(address.split('.').map(Number))
  if (version !== 6) throw new Error(`not an IP address: ${address}`)
  // A zone id has no meaning in a certificate; a dotted tail is two groups.
  const [text] = address.split('%')
  const plain = text!.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map(n => n.toString(16)).join(':'),
  )
  const [head, tail] = plain.split('::').map(half => (half === '' ? [] : half.split(':')))
  const groups =
    tail === undefined ? head! : [...head!, ...Array(8 - head!.length - tail.length).fill('0'), ...tail]
  const bytes = Buffer.alloc(16)
  groups.forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2)
  })
  return bytes
}
