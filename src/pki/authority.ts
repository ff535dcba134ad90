import { createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { signCertificate } from './certificate.ts'
import { openKey, readIfThere, replaceFile } from './key-file.ts'
import { encodePem } from './pem.ts'

export interface CertificateAuthority {
  readonly certificate: X509Certificate
  /** PEM. */
  readonly pem: string
  readonly key: KeyObject
  /** SHA-256 of the DER, base64url: what enrolment tokens pin. */
  readonly fingerprint: string
}

const DAY = 86_400_000
const YEARS_10 = 3650 * DAY
/** Clocks of clients may run behind. */
export const CLOCK_SKEW = 5 * 60_000

/**
 * Opens the installation's own certificate authority in `directory` (`ca.key`, mode 0600, and `ca.crt`), or makes it
 * once. A certificate without its key is an error and not a reason to start a new authority: every kubeconfig and
 * every agent out there trusts the old one.
 */
export function openAuthority(directory: string, now: number = Date.now()): CertificateAuthority {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const certificatePath = join(directory, 'ca.crt')
  const keyPath = join(directory, 'ca.key')
  const found = readIfThere(certificatePath)
  if (found !== undefined && readIfThere(keyPath) === undefined) {
    throw new Error(`${certificatePath} is there but its key ${keyPath} is missing; restore it from a backup`)
  }
  const key = openKey(keyPath)
  const pem = found ?? selfSigned(key, now)
  if (found === undefined) replaceFile(certificatePath, pem, 0o644)
  const certificate = new X509Certificate(pem)
  if (!certificate.ca || !certificate.checkPrivateKey(key)) {
    throw new Error(`${certificatePath} and ${keyPath} do not belong together`)
  }
  return { certificate, pem, key, fingerprint: fingerprintOf(certificate) }
}

/** SHA-256 of the certificate's DER, base64url without padding. */
export function fingerprintOf(certificate: X509Certificate): string {
  return Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
}

/** DER of the public half, as certificates carry it. */
export function publicKeyDer(key: KeyObject): Buffer {
  return createPublicKey(key as Parameters<typeof createPublicKey>[0]).export({ type: 'spki', format: 'der' })
}

function selfSigned(key: KeyObject, now: number): string {
  const der = signCertificate(
    {
      // Trust stores look issuers up by name, so two installations must not share one.
      commonName: `Sallyport CA ${randomBytes(4).toString('hex')}`,
      publicKey: publicKeyDer(key),
      notBefore: now - CLOCK_SKEW,
      notAfter: now + YEARS_10,
      role: 'authority',
      names: [],
    },
    { key },
  )
  return encodePem('CERTIFICATE', der)
}
