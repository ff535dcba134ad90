import type { AuditLog, NewEntry } from '../../audit/entry.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import type { Session } from '../../connections/session.ts'
import type { SessionHooks } from '../../connections/sessions.ts'
import { newCallId } from '../call-id.ts'

/** A session is used only after its `session.open` entry is durable; its end is an entry too. */
export function sessionEntries(log: AuditLog, policyDigest: () => string): SessionHooks {
  const entry = (session: Session, kind: 'session.open' | 'session.close', facts: object): NewEntry => {
    return {
      call: newCallId(Date.now()),
      kind,
      phase: 'state',
      session: session.id,
      effect: null,
      policyDigest: policyDigest(),
      head: {
        principal: principalFacts(session.principal),
        connection: session.connection,
        facts: { opened: session.opened, openedAt: session.openedAt, expiresAt: session.expiresAt, ...facts },
      },
    }
  }
  return {
    opening: async session => void (await log.append(entry(session, 'session.open', {}))),
    closed: async (session, end) => void (await log.append(entry(session, 'session.close', { end }))),
  }
}
