import { Buffer } from 'node:buffer'
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { isIP } from 'node:net'
import { bits, bool, explicit, implicit, integer, octets, oid, sequence, set, time, utf8 } from './der.ts'

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** An authority that can sign further certificates. */
export interface Authority extends KeyPair {
  issue(request: CertificateRequest): KeyPair
}

export interface CertificateRequest {
  readonly commonName: string
  /** Kubernetes reads the organisations of a client certificate as groups. */
  readonly organizations?: readonly string[]
  readonly usage: 'client' | 'server'
  /** IP addresses (v4 only) and DNS names of a server. */
  readonly addresses?: readonly string[]
}

const validDays = 3650
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/** Makes a self-signed P-256 certificate authority. */
export function createAuthority(commonName: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = distinguishedName(commonName)
  const cert = certificate({
    issuer: name,
    subject: name,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      extension('2.5.29.19', true, sequence(bool(true))),
      // digitalSignature, keyCertSign, cRLSign
      extension('2.5.29.15', true, bits(Buffer.from([0b1000_0110]), 1)),
      extension('2.5.29.14', false, octets(keyIdentifier(keys.publicKey))),
    ],
  })
  return openAuthority({ cert, key: privatePem(keys.privateKey) })
}

/** Opens an authority that an earlier run wrote to disk. */
export function openAuthority(pem: KeyPair): Authority {
  const signingKey = createPrivateKey(pem.key)
  const issuer = subjectOf(new X509Certificate(pem.cert))
  return { ...pem, issue: request => issue(issuer, signingKey, request) }
}

/** RSA key pair that signs service-account tokens (RS256, what OIDC verifiers expect). */
export function createServiceAccountKeys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}

function issue(issuer: Buffer, signingKey: KeyObject, request: CertificateRequest): KeyPair {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const purpose = request.usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'
  const extensions = [
    extension('2.5.29.15', true, bits(Buffer.from([0b1000_0000]), 7)), // digitalSignature
    extension('2.5.29.37', false, sequence(oid(purpose))),
    extension('2.5.29.35', false, sequence(implicit(0, keyIdentifier(createPublicKey(signingKey))))),
  ]
  const addresses = request.addresses ?? []
  if (addresses.length > 0) {
    extensions.push(extension('2.5.29.17', false, sequence(...addresses.map(alternativeName))))
  }
  const cert = certificate({
    issuer,
    subject: distinguishedName(request.commonName, request.organizations),
    publicKey: keys.publicKey,
    signingKey,
    extensions,
  })
  return { cert, key: privatePem(keys.privateKey) }
}

/** TBSCertificate and Certificate of RFC 5280 section 4.1. */
function certificate(fields: {
  issuer: Buffer
  subject: Buffer
  publicKey: KeyObject
  signingKey: KeyObject
  extensions: Buffer[]
}): string {
  const now = Date.now()
  const tbs = sequence(
    explicit(0, integer(Buffer.from([2]))), // version 3
    integer(serialNumber()),
    ecdsaWithSha256,
    fields.issuer,
    sequence(time(new Date(now - 60_000)), time(new Date(now + validDays * 86_400_000))),
    fields.subject,
    fields.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...fields.extensions)),
  )
  const der = sequence(tbs, ecdsaWithSha256, bits(sign('sha256', tbs, fields.signingKey)))
  return pem('CERTIFICATE', der)
}

function distinguishedName(commonName: string, organizations: readonly string[] = []): Buffer {
  const attribute = (type: string, value: string): Buffer => set(sequence(oid(type), utf8(value)))
  return sequence(...organizations.map(name => attribute('2.5.4.10', name)), attribute('2.5.4.3', commonName))
}

/** An authority of ours has a common name and nothing else, so the name can be made again from its text. */
function subjectOf(cert: X509Certificate): Buffer {
  return distinguishedName(cert.subject.replace(/^CN=/, ''))
}

function alternativeName(address: string): Buffer {
  if (isIP(address) === 4) return implicit(7, Buffer.from(address.split('.').map(Number)))
  return implicit(2, Buffer.from(address))
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [bool(true)] : []), octets(value))
}

/** Truncated SHA-256 of the public key: RFC 5280 section 4.2.1.2 asks for a unique value, not for SHA-1. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20)
}

/** 126 random bits, positive and without a leading zero byte. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
