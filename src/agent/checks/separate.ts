import type { AgentConnection } from '../agent.ts'
import type { UpstreamCredential } from '../credentials/credential.ts'
import { type MadeRequest, openApiClient } from '../upstream/api-client.ts'
import { whoAmI } from './rights.ts'

/** Whether two credentials show the same thing to the same server. Rejects when one cannot be read. */
export async function sameMaterial(one: UpstreamCredential, other: UpstreamCredential): Promise<boolean> {
  if (one.target.origin !== other.target.origin) return false
  const now = Date.now()
  const [a, b] = [one.current(now) ?? (await one.refresh()), other.current(now) ?? (await other.refresh())]
  return a.authorization === b.authorization && a.certificate?.certificate === b.certificate?.certificate
}

/**
 * Whether session and binder are one identity, as far as it can be told: by what they show, or by what the cluster
 * says. A cluster that does not answer now is no reason not to start; `agent check` says more.
 */
export async function isOneIdentity(
  connection: AgentConnection,
  made?: (request: MadeRequest) => void,
): Promise<boolean> {
  const { session, binder } = connection
  if (binder === undefined) return false
  if (await sameMaterial(session, binder)) return true
  const users = await Promise.all([session, binder].map(one => userOf(one, made)))
  return users[0] !== undefined && users[0] === users[1]
}

async function userOf(
  credential: UpstreamCredential,
  made: ((request: MadeRequest) => void) | undefined,
): Promise<string | undefined> {
  const client = openApiClient(credential, Date.now, made)
  try {
    return await whoAmI(client)
  } catch {
    return undefined
  } finally {
    await client.close()
  }
}
