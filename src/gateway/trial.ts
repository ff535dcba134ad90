import { knowsTrial, type Trial, trialOf } from '../approvals/foresight.ts'
import type { Classified } from './exchange.ts'
import type { Gateway } from './gateway.ts'

/** The same request as a dry run; null: it could not be tried without doing it. */
export async function trialFor(gateway: Gateway, x: Classified): Promise<Trial | null> {
  const { action, connection, parsed, body } = x
  const known = knowsTrial(action)
  if (known === 'no') return null
  if (known === 'if-local') {
    // What takes time comes first: between this answer and the dry run the group must not go over to another server.
    const rights = gateway.haveRights(x.session, connection)
    if (rights !== undefined) await rights
    if (!(await gateway.isLocal(connection.name, action.apiGroup, action.apiVersion))) return null
  }
  return trialOf(action, parsed.target, body.bytes, body.mediaType)
}
