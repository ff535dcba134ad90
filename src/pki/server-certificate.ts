import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { type CertificateAuthority, CLOCK_SKEW, publicKeyDer } from './authority.ts'
import { type AlternativeName, signCertificate } from './certificate.ts'
import { keyPem, newKey, readIfThere, replaceFile } from './key-file.ts'
import { encodePem } from './pem.ts'

export interface ServerCertificate {
  /** PEM, leaf first, then the authority: an agent that enrols finds the pinned authority in the chain. */
  readonly chain: string
  /** PEM (PKCS#8). */
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** When `ensureServerCertificate` would issue the next one. */
  readonly renewAt: number
  /** False when the one on disk was still good. */
  readonly issued: boolean
}

const LIFETIME = 90 * 86_400_000
const DNS_NAME = /^(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/**
 * The listener's certificate for exactly these IP addresses and DNS names, from `directory` (`server.key`, mode 0600,
 * and `server.crt`). Reissued, with a new key, when the names or the authority changed or a third of its life is left.
 */
export function ensureServerCertificate(
  authority: CertificateAuthority,
  directory: string,
  names: readonly string[],
  now: number = Date.now(),
): ServerCertificate {
  const wanted = [...new Set(names.map(name => name.toLowerCase()))].sort().map(alternativeName)
  if (wanted.length === 0) throw new Error('a server certificate needs at least one name')
  const keyPath = join(directory, 'server.key')
  const certificatePath = join(directory, 'server.crt')
  const found = readStored(readIfThere(certificatePath), readIfThere(keyPath))
  if (found !== undefined && fits(found.certificate, authority, wanted, now)) {
    return describe(found.certificate, authority, found.key, false)
  }
  const key = newKey()
  const der = signCertificate(
    {
      commonName: wanted.find(name => name.kind === 'dns')?.value.slice(0, 64) ?? 'sallyport',
      publicKey: publicKeyDer(key),
      notBefore: now - CLOCK_SKEW,
      notAfter: now + LIFETIME,
      role: 'server',
      names: wanted,
    },
    { key: authority.key, certificate: authority.certificate },
  )
  replaceFile(keyPath, keyPem(key), 0o600)
  replaceFile(certificatePath, encodePem('CERTIFICATE', der), 0o644)
  return describe(new X509Certificate(der), authority, keyPem(key), true)
}

function describe(
  certificate: X509Certificate,
  authority: CertificateAuthority,
  key: string,
  issued: boolean,
): ServerCertificate {
  const expiresAt = Date.parse(certificate.validTo)
  return {
    chain: encodePem('CERTIFICATE', certificate.raw) + authority.pem,
    key,
    expiresAt,
    renewAt: expiresAt - LIFETIME / 3,
    issued,
  }
}

function alternativeName(name: string): AlternativeName {
  if (isIP(name) !== 0) return { kind: 'ip', value: name }
  if (name.length > 253 || !DNS_NAME.test(name)) throw new Error(`not a DNS name or IP address: ${name}`)
  return { kind: 'dns', value: name }
}

/** Undefined when there is nothing usable, for instance after a crash between the two writes. */
function readStored(
  certificate: string | undefined,
  key: string | undefined,
): { certificate: X509Certificate; key: string } | undefined {
  if (certificate === undefined || key === undefined) return undefined
  try {
    const parsed = new X509Certificate(certificate)
    return parsed.checkPrivateKey(createPrivateKey(key)) ? { certificate: parsed, key } : undefined
  } catch {
    return undefined
  }
}

function fits(
  certificate: X509Certificate,
  authority: CertificateAuthority,
  wanted: readonly AlternativeName[],
  now: number,
): boolean {
  // Entries hold no comma: alternativeName() lets none through.
  if ((certificate.subjectAltName ?? '').split(', ').length !== wanted.length) return false
  const covered = wanted.every(name =>
    name.kind === 'ip'
      ? certificate.checkIP(name.value) !== undefined
      : certificate.checkHost(name.value, { wildcards: false, subject: 'never' }) !== undefined,
  )
  return (
    covered &&
    certificate.verify(authority.certificate.publicKey) &&
    now >= Date.parse(certificate.validFrom) &&
    now < Date.parse(certificate.validTo) - LIFETIME / 3
  )
}
