import { Refusal } from '../../errors/refusal.ts'
import {
  AGENT_CERTIFICATE_LIFETIME,
  type AgentIdentity,
  type IssuedAgentCertificate,
  isAgentName,
  issueAgentCertificate,
} from '../../pki/agent-certificate.ts'
import type { CertificateAuthority } from '../../pki/authority.ts'
import { type StateStore, StoreConflict, type Stored } from '../../store/store.ts'
import {
  AGENT_KIND,
  type AgentStateRecord,
  type CertificateRecord,
  TOKEN_KIND,
  type TokenRecord,
} from './records.ts'
import { formatToken, newSecret, parseToken, secretDigest } from './token.ts'

export const TOKEN_LIFETIME = 15 * 60_000
const LONGEST_TOKEN_LIFETIME = 24 * 3_600_000

export interface EnrolmentOptions {
  readonly certificateLifetime?: number
  readonly clock?: () => number
}

export interface IssuedToken {
  /** Shown once; only its digest is kept. */
  readonly token: string
  readonly agent: string
  readonly expiresAt: number
}

export interface EnrolledAgent extends IssuedAgentCertificate {
  readonly agent: string
  /** True when an agent of that name was enrolled before: its older certificates stand no longer. */
  readonly replaced: boolean
}

/** Makes a one-time token with which agent `name` may enrol within `lifetime` milliseconds. */
export async function issueEnrolmentToken(
  store: StateStore,
  authority: CertificateAuthority,
  name: string,
  issuedBy: string,
  lifetime: number = TOKEN_LIFETIME,
  options: EnrolmentOptions = {},
): Promise<IssuedToken> {
  if (!isAgentName(name) || name === 'embedded') {
    throw new Refusal('request-ambiguous', {
      check: 'agent-name',
      detail: 'an agent name is a DNS label, and not "embedded"',
    })
  }
  const now = (options.clock ?? Date.now)()
  const secret = newSecret()
  const expiresAt = now + Math.min(lifetime, LONGEST_TOKEN_LIFETIME)
  const value: TokenRecord = { agent: name, issuedAt: now, expiresAt, issuedBy }
  await removeExpiredTokens(store, now)
  await store.commit([{ op: 'create', kind: TOKEN_KIND, key: secretDigest(secret), value }])
  return {
    token: formatToken({ agent: name, fingerprint: authority.fingerprint, secret }),
    agent: name,
    expiresAt,
  }
}

/**
 * Trades a token and a certificate request (PEM) for a certificate. The token is gone before the certificate exists:
 * of two that try at once, one gets it. Whatever is wrong with a token, the answer is the same Refusal
 * `credential-invalid`.
 */
export async function enrolAgent(
  store: StateStore,
  authority: CertificateAuthority,
  token: string,
  certificateRequest: string,
  options: EnrolmentOptions = {},
): Promise<EnrolledAgent> {
  const now = (options.clock ?? Date.now)()
  const parsed = parseToken(token)
  if (parsed === undefined) throw invalidToken()
  const record = await store.get<TokenRecord>(TOKEN_KIND, secretDigest(parsed.secret))
  if (record === undefined || record.value.agent !== parsed.agent || now >= record.value.expiresAt) {
    throw invalidToken()
  }
  // Before the token is spent: a request that cannot be certified shall not cost it.
  const issued = certify(authority, parsed.agent, certificateRequest, options)
  const before = await store.get<AgentStateRecord>(AGENT_KIND, parsed.agent)
  const value: AgentStateRecord = { enrolledAt: now, certificates: [certificateRecord(issued)] }
  try {
    await store.commit([
      { op: 'delete', kind: TOKEN_KIND, key: record.key, version: record.version },
      before === undefined
        ? { op: 'create', kind: AGENT_KIND, key: parsed.agent, value }
        : { op: 'update', kind: AGENT_KIND, key: parsed.agent, value, version: before.version },
    ])
  } catch (error) {
    if (error instanceof StoreConflict) throw invalidToken()
    throw error
  }
  return { ...issued, agent: parsed.agent, replaced: before !== undefined }
}

/** A new certificate for an agent that has shown a standing one (`verifyAgentCertificate` of its TLS peer). */
export async function renewAgent(
  store: StateStore,
  authority: CertificateAuthority,
  identity: AgentIdentity,
  certificateRequest: string,
  options: EnrolmentOptions = {},
): Promise<EnrolledAgent> {
  const now = (options.clock ?? Date.now)()
  const record = await store.get<AgentStateRecord>(AGENT_KIND, identity.name)
  if (record === undefined || !stands(record, identity, now)) {
    throw new Refusal('credential-invalid', {
      check: 'agent-certificate',
      detail: 'this agent is not enrolled',
    })
  }
  const issued = certify(authority, identity.name, certificateRequest, options)
  // The old one stays good until it expires: the agent may lose the answer.
  const standing = record.value.certificates.filter(one => one.expiresAt > now).slice(-7)
  const value: AgentStateRecord = {
    ...record.value,
    renewedAt: now,
    certificates: [...standing, certificateRecord(issued)],
  }
  try {
    await store.commit([
      { op: 'update', kind: AGENT_KIND, key: identity.name, value, version: record.version },
    ])
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error
    throw new Refusal('credential-invalid', { check: 'agent-certificate', detail: 'try again' })
  }
  return { ...issued, agent: identity.name, replaced: false }
}

/** Whether this very certificate stands: what the agent gate asks at the door and again and again. */
export async function isEnrolled(
  store: StateStore,
  identity: AgentIdentity,
  clock: () => number = Date.now,
): Promise<boolean> {
  const record = await store.get<AgentStateRecord>(AGENT_KIND, identity.name)
  return record !== undefined && stands(record, identity, clock())
}

/** Removes an agent: none of its certificates is let in again. False when there was none. Cut it at the gate, too. */
export async function removeAgent(store: StateStore, name: string): Promise<boolean> {
  for (;;) {
    const record = await store.get<AgentStateRecord>(AGENT_KIND, name)
    if (record === undefined) return false
    try {
      await store.commit([{ op: 'delete', kind: AGENT_KIND, key: name, version: record.version }])
      return true
    } catch (error) {
      // It was renewed meanwhile; the removal still holds.
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}

export interface EnrolledRecord {
  readonly name: string
  readonly enrolledAt: number
  readonly certificateExpiresAt: number
}

export async function listEnrolled(store: StateStore): Promise<EnrolledRecord[]> {
  const records = await store.list<AgentStateRecord>(AGENT_KIND)
  return records.map(({ key, value }) => ({
    name: key,
    enrolledAt: value.enrolledAt,
    certificateExpiresAt: Math.max(0, ...value.certificates.map(one => one.expiresAt)),
  }))
}

function stands(record: Stored<AgentStateRecord>, identity: AgentIdentity, now: number): boolean {
  return record.value.certificates.some(one => one.serial === identity.serial && one.expiresAt > now)
}

function certify(
  authority: CertificateAuthority,
  agent: string,
  certificateRequest: string,
  options: EnrolmentOptions,
): IssuedAgentCertificate {
  const lifetime = options.certificateLifetime ?? AGENT_CERTIFICATE_LIFETIME
  try {
    return issueAgentCertificate(
      authority,
      agent,
      certificateRequest,
      lifetime,
      (options.clock ?? Date.now)(),
    )
  } catch (error) {
    throw new Refusal('request-ambiguous', { check: 'certificate-request', detail: (error as Error).message })
  }
}

function certificateRecord(issued: IssuedAgentCertificate): CertificateRecord {
  return { serial: issued.serial, expiresAt: issued.expiresAt }
}

async function removeExpiredTokens(store: StateStore, now: number): Promise<void> {
  for (const { key, value, version } of await store.list<TokenRecord>(TOKEN_KIND)) {
    if (now < value.expiresAt) continue
    await store.commit([{ op: 'delete', kind: TOKEN_KIND, key, version }]).catch(error => {
      if (!(error instanceof StoreConflict)) throw error
    })
  }
}

function invalidToken(): Refusal {
  return new Refusal('credential-invalid', {
    check: 'enrolment-token',
    detail: 'the enrolment token is unknown, used or expired; make a new one with: sallyport agent token',
  })
}
