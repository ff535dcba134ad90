import { hash } from 'node:crypto'
import type { Principal } from '../identity/principal.ts'
import type { Session } from './session.ts'

/** A live session as the store holds it. Its key says who may come back to it: see `implicitKey`, `explicitKey`. */
export interface SessionRecord {
  readonly id: string
  readonly principal: Principal
  readonly connection: string
  readonly opened: Session['opened']
  readonly openedAt: number
  readonly expiresAt: number
  /** Milliseconds without a request after which it ends. */
  readonly idle: number
  readonly lastUsedAt: number
  /** SHA-256 of its own token; null when it was opened implicitly. */
  readonly credential: string | null
  /** Id of the sign-in that opened it. */
  readonly signIn: string | null
  readonly reason?: string
}

/** Why a session ended. `by` is a user name. */
export interface SessionEnd {
  readonly reason: 'ended' | 'signed-out' | 'revoked' | 'idle' | 'expired' | 'not-opened'
  readonly by?: string
  readonly detail?: string
}

/** A session that has ended, kept for some days so that it can be shown. */
export interface PastSession {
  readonly session: Session
  readonly lastUsedAt: number
  readonly endedAt: number
  readonly end: SessionEnd
  /** Whether its `session.close` entry is known to be written. */
  readonly closed: boolean
}

export function toSession(record: SessionRecord): Session {
  const { id, principal, connection, opened, openedAt, expiresAt, reason } = record
  return {
    id,
    principal,
    connection,
    opened,
    openedAt,
    expiresAt,
    ...(reason === undefined ? {} : { reason }),
  }
}

/**
 * The same caller on the same connection comes back to the same session. The same caller means every fact that a
 * policy may look at: with other groups, or from another pod, it is another session, so that no decision is made on
 * facts that the credential at hand does not carry.
 */
export function implicitKey(principal: Principal, connection: string): string {
  const { issuer, subject, kind, username, displayName, email, claims, authentication, serviceAccount } =
    principal
  const facts = [
    connection,
    issuer,
    subject,
    kind,
    username,
    [...principal.groups].sort(),
    displayName ?? null,
    email ?? null,
    claims === undefined
      ? null
      : Object.keys(claims)
          .sort()
          .map(name => [name, claims[name]]),
    authentication.method,
    authentication.provider,
    serviceAccount === undefined
      ? null
      : [
          serviceAccount.connection,
          serviceAccount.namespace,
          serviceAccount.name,
          serviceAccount.uid ?? null,
          serviceAccount.pod?.name ?? null,
          serviceAccount.pod?.uid ?? null,
          serviceAccount.node ?? null,
        ],
  ]
  return `implicit:${hash('sha256', JSON.stringify(facts), 'base64url')}`
}

export function explicitKey(credential: string): string {
  return `explicit:${credential}`
}
