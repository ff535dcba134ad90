import type { SignIns } from '../local/sign-ins.ts'
import type { Principal } from '../principal.ts'
import { covers, type Revocation, type Revocations, type RevocationTarget } from './revocations.ts'

/** What revoking needs of the sessions. */
export interface CuttableSessions {
  count(matches: (session: CuttableSession) => boolean): number
  /** Resolves when every end that has begun is in the store. */
  settled(): Promise<void>
}

export interface CuttableSession {
  readonly id: string
  readonly principal: Principal
  readonly openedAt: number
  /** Id of the sign-in that opened it. */
  readonly signIn: string | undefined
}

export interface RevokeParts {
  readonly revocations: Revocations
  readonly signIns: SignIns
  readonly sessions: CuttableSessions
}

/**
 * Cuts off a session, a principal or an issuer: credentials, sign-ins and sessions. In force in this process before
 * the first wait; when it resolves it is in the store, and other processes follow within a second.
 */
export async function revoke(
  parts: RevokeParts,
  target: RevocationTarget,
  by: string,
  reason: string,
  until?: number,
): Promise<{ readonly revocation: Revocation; readonly sessionsEnded: number }> {
  const { revocations, signIns, sessions } = parts
  const asked = { target, ...(until === undefined ? {} : { until }) }
  const sessionsEnded = sessions.count(session =>
    target.kind === 'session' ? session.id === target.id : covers(asked, session.principal, session.openedAt),
  )
  // The sessions listen to the revocations and end by themselves.
  const revocation = await revocations.add(target, by, reason, until)
  await signIns.endWhere(signIn => covers(asked, signIn.principal, signIn.createdAt))
  await sessions.settled()
  return { revocation, sessionsEnded }
}

/** Ends the sign-in whose token this principal came with, and the sessions that it opened; returns their number. */
export async function signOut(parts: RevokeParts, principal: Principal): Promise<number> {
  const id = principal.authentication.credentialDigest
  const ended = parts.sessions.count(session => session.signIn === id)
  await parts.signIns.end(id)
  await parts.sessions.settled()
  return ended
}
