import { X509Certificate } from 'node:crypto'
import { type CertificateAuthority, CLOCK_SKEW } from './authority.ts'
import { signCertificate } from './certificate.ts'
import { encodePem } from './pem.ts'
import { readSigningRequest } from './signing-request.ts'

/** The name of an agent is the last part of the URI in its certificate. */
const AGENT_URI = 'sallyport://agent/'
/** A DNS label: safe in a URI, in a file name and in a certificate's printed form. */
const AGENT_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

export const AGENT_CERTIFICATE_LIFETIME = 24 * 3_600_000

export interface IssuedAgentCertificate {
  /** PEM of the leaf alone. */
  readonly certificate: string
  /** Hex, upper case, as Node prints it. */
  readonly serial: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export function isAgentName(name: string): boolean {
  return AGENT_NAME.test(name)
}

/** Certifies the key of a certificate request as agent `name`. Throws an Error whose message may be shown. */
export function issueAgentCertificate(
  authority: CertificateAuthority,
  name: string,
  signingRequest: string,
  lifetime: number = AGENT_CERTIFICATE_LIFETIME,
  now: number = Date.now(),
): IssuedAgentCertificate {
  if (!isAgentName(name)) throw new Error('an agent name is a DNS label')
  const der = signCertificate(
    {
      commonName: name,
      publicKey: readSigningRequest(signingRequest),
      notBefore: now - CLOCK_SKEW,
      notAfter: now + lifetime,
      role: 'client',
      names: [{ kind: 'uri', value: AGENT_URI + name }],
    },
    { key: authority.key, certificate: authority.certificate },
  )
  const certificate = new X509Certificate(der)
  return {
    certificate: encodePem('CERTIFICATE', der),
    serial: certificate.serialNumber,
    expiresAt: Date.parse(certificate.validTo),
  }
}

export interface AgentIdentity {
  readonly name: string
  readonly serial: string
  readonly expiresAt: number
}

/**
 * Who a client certificate stands for; undefined unless this authority issued it for an agent and it is valid now.
 * Does not depend on how the TLS server was configured. Possession of the key was proved by the handshake.
 */
export function verifyAgentCertificate(
  authority: CertificateAuthority,
  certificate: X509Certificate,
  now: number = Date.now(),
): AgentIdentity | undefined {
  const issued =
    certificate.checkIssued(authority.certificate) && certificate.verify(authority.certificate.publicKey)
  if (!issued || certificate.ca || !certificate.keyUsage?.includes(CLIENT_AUTH)) return undefined
  const expiresAt = Date.parse(certificate.validTo)
  if (now < Date.parse(certificate.validFrom) || now >= expiresAt) return undefined
  const prefix = `URI:${AGENT_URI}`
  const printed = certificate.subjectAltName ?? ''
  const name = printed.slice(prefix.length)
  if (!printed.startsWith(prefix) || !isAgentName(name)) return undefined
  return { name, serial: certificate.serialNumber, expiresAt }
}
