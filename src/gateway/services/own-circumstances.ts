import type { Connection } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import type { Principal } from '../../identity/principal.ts'

/** Actions on Sallyport itself happen in no session and on no connection; conditions see these instead. */
export const ownConnection: Connection = {
  name: '',
  kind: 'kubernetes',
  hosts: [],
  agents: [],
  upstreamIdentity: 'principal',
  groupMappings: [],
  serviceAccounts: { enabled: false, alsoFrom: [], audiences: [] },
  capture: 'full',
  session: { idle: 0, maximum: 0 },
}

export function ownSession(principal: Principal, now: number): Session {
  return {
    id: '',
    principal,
    connection: '',
    opened: 'explicitly',
    openedAt: now,
    expiresAt: principal.authentication.validUntil,
  }
}
