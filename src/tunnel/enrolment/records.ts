/** Kinds of the state store that enrolment owns. */
export const AGENT_KIND = 'agent'
export const TOKEN_KIND = 'agent-token'

/** Key: digest of the secret. */
export interface TokenRecord {
  readonly agent: string
  readonly expiresAt: number
  readonly issuedAt: number
  readonly issuedBy: string
}

export interface CertificateRecord {
  readonly serial: string
  readonly expiresAt: number
}

/** Key: name of the agent. Only certificates that stand here are let in. */
export interface AgentStateRecord {
  readonly enrolledAt: number
  readonly renewedAt?: number
  readonly certificates: readonly CertificateRecord[]
}
