import { createHash, randomBytes } from 'node:crypto'
import { isAgentName } from '../../pki/agent-certificate.ts'

const PREFIX = 'sallyport-agent-1'
const SECRET_BYTES = 32
/** Base64url of 32 bytes. */
const B64 = /^[A-Za-z0-9_-]{43}$/

/** What an enrolment token says: whom it is for, whom to trust, and the secret that is worth a certificate once. */
export interface EnrolmentSecret {
  readonly agent: string
  /** SHA-256 of the gateway's authority certificate, base64url: the agent pins it before it says the secret. */
  readonly fingerprint: string
  readonly secret: string
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

/** One word that is safe in a header, a shell and a file. */
export function formatToken({ agent, fingerprint, secret }: EnrolmentSecret): string {
  return `${PREFIX}.${agent}.${fingerprint}.${secret}`
}

/** Undefined when it is no enrolment token. */
export function parseToken(token: string): EnrolmentSecret | undefined {
  const [prefix, agent, fingerprint, secret, ...more] = token.trim().split('.')
  if (prefix !== PREFIX || more.length > 0) return undefined
  if (agent === undefined || !isAgentName(agent)) return undefined
  if (fingerprint === undefined || !B64.test(fingerprint)) return undefined
  if (secret === undefined || !B64.test(secret)) return undefined
  return { agent, fingerprint, secret }
}

/** The store holds this, never the secret. 256 random bits need no slow hash. */
export function secretDigest(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
