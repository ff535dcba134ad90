import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { keyPem, readIfThere, replaceFile } from '../../pki/key-file.ts'

/** What an agent has from its enrolment. PEM. */
export interface AgentFiles {
  readonly certificate: string
  readonly key: string
  readonly certificateAuthority: string
}

/** Key and certificate are one file, so that no crash leaves a new key beside an old certificate. */
const IDENTITY = 'agent.pem'
const AUTHORITY = 'gateway-ca.crt'

/** Undefined when this agent has not enrolled yet. */
export function readAgentFiles(directory: string): AgentFiles | undefined {
  const identity = readIfThere(join(directory, IDENTITY))
  const certificateAuthority = readIfThere(join(directory, AUTHORITY))
  if (identity === undefined || certificateAuthority === undefined) return undefined
  const [, key, certificate] =
    /^(-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n)(-----BEGIN CERTIFICATE-----[\s\S]+)$/.exec(
      identity,
    ) ?? []
  if (key === undefined || certificate === undefined)
    throw new Error(`${join(directory, IDENTITY)} is damaged`)
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
    throw new Error(`${join(directory, IDENTITY)} is damaged: key and certificate do not belong together`)
  }
  return { key, certificate, certificateAuthority }
}

export function writeAgentFiles(
  directory: string,
  key: KeyObject,
  certificate: string,
  certificateAuthority: string,
): AgentFiles {
  if (!new X509Certificate(certificate).checkPrivateKey(key)) {
    throw new Error('the gateway certified another key than ours')
  }
  const authority = new X509Certificate(certificateAuthority)
  if (!new X509Certificate(certificate).verify(authority.publicKey)) {
    throw new Error('the certificate was not issued by the pinned authority')
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pem = keyPem(key)
  replaceFile(join(directory, AUTHORITY), certificateAuthority, 0o644)
  replaceFile(join(directory, IDENTITY), pem + certificate, 0o600)
  return { key: pem, certificate, certificateAuthority }
}
