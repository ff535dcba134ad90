import type { Connection } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import type { SessionHooks } from '../../connections/sessions.ts'
import { endSessionAccount, sessionAccountPath } from '../../tunnel/calls/end-session-account.ts'
import type { AgentLink } from '../../tunnel/contract.ts'
import type { OwnCalls } from '../own-calls.ts'

export interface SessionAccountParts {
  connection(name: string): Connection | undefined
  linkTo(connection: Connection): AgentLink
  readonly ownCalls: Pick<OwnCalls, 'change'>
  onError(error: unknown): void
}

/**
 * The same hooks; when a session of a connection with upstreamIdentity serviceaccount is over, its service account is
 * deleted as well. That an agent is away keeps no session open: its sweeper deletes what has expired.
 */
export function withSessionAccounts(hooks: SessionHooks, parts: SessionAccountParts): SessionHooks {
  async function end(session: Session): Promise<void> {
    const connection = parts.connection(session.connection)
    if (connection?.upstreamIdentity !== 'serviceaccount') return
    const link = parts.linkTo(connection)
    const call = {
      connection: connection.name,
      purpose: 'session-end',
      method: 'DELETE',
      target: sessionAccountPath(session.id),
    }
    await parts.ownCalls.change(call, auditId =>
      endSessionAccount(
        {
          name: link.name,
          connected: link.connected,
          recorded: true,
          // Recorded by `change`, which gave it its id.
          dispatch: (sent, handler) => link.dispatch({ ...sent, auditId }, handler),
          close: () => link.close(),
        },
        connection.name,
        session.id,
      ),
    )
  }

  return {
    ...hooks,
    async closed(session, ended) {
      await hooks.closed(session, ended)
      end(session).catch(parts.onError)
    },
  }
}
