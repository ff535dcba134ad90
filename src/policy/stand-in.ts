import type { Principal } from '../identity/principal.ts'
import type { Circumstances } from './decision.ts'

/**
 * Circumstances where there is no session and no connection: questions about Sallyport itself, tests and checks of
 * policies. The connection is an ordinary one of that name.
 */
export function standIn(principal: Principal, connection: string, now: number): Circumstances {
  return {
    now,
    session: {
      id: 's-none',
      principal,
      connection,
      opened: 'explicitly',
      openedAt: now,
      expiresAt: now + 3_600_000,
    },
    connection: {
      name: connection,
      kind: 'kubernetes',
      hosts: [],
      agents: ['embedded'],
      upstreamIdentity: 'principal',
      groupMappings: [],
      serviceAccounts: { enabled: true, alsoFrom: [], audiences: [] },
      capture: 'full',
      session: { idle: 3_600_000, maximum: 43_200_000 },
    },
  }
}
