import type { RecordedLink } from '../contract.ts'
import { collect } from './collect.ts'
import { ownCall } from './own-call.ts'

/** Where service accounts of sessions live (upstreamIdentity serviceaccount); the agent knows the same place. */
const SESSIONS_NAMESPACE = 'sallyport-sessions'

/** Path of the service account of a session. */
export function sessionAccountPath(sessionId: string): string {
  return `/api/v1/namespaces/${SESSIONS_NAMESPACE}/serviceaccounts/${sessionId}`
}

/**
 * Deletes the service account of a session that is over; its tokens end with it. Resolves with the status: 404 says
 * that it had none. Rejects with a Refusal; the agent's sweeper comes by later then.
 */
export async function endSessionAccount(
  link: RecordedLink,
  connection: string,
  sessionId: string,
): Promise<number> {
  const target = sessionAccountPath(sessionId)
  const { status } = await collect(
    link,
    ownCall(connection, 'session-end', { method: 'DELETE', target }),
    LIMIT,
  )
  return status
}

const LIMIT = 64 * 1024
