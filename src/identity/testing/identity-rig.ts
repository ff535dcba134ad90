import type { Connection, ServiceAccountTrust } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import type { SessionEnd, SessionHooks } from '../../connections/sessions.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import type { StateStore } from '../../store/store.ts'
import { type Identity, type IdentityOptions, openIdentity } from '../open-identity.ts'

/** Noon of some day; tests move it by hand. */
export const START = Date.UTC(2026, 10, 21, 12)

/** One process of a gateway as far as identity goes, on a clock that stands still. For tests. */
export interface IdentityRig extends Identity {
  readonly store: StateStore
  /** `open <id>` and `close <id> <reason>`, in order. */
  readonly journal: string[]
  readonly errors: unknown[]
  now: number
}

type Given = 'store' | 'now' | 'hooks' | 'onError' | 'timers'

export interface RigOptions extends Partial<Omit<IdentityOptions, Given>> {
  /** Shared by the rigs of several processes; not closed by them. */
  readonly store?: StateStore
  readonly hooks?: Partial<SessionHooks>
  /** Where the clock stands at first. */
  readonly start?: number
}

export async function openIdentityRig(options: RigOptions = {}): Promise<IdentityRig> {
  const { hooks, start = START, store = await openSqliteStore(':memory:'), ...more } = options
  const clock = { now: start }
  const journal: string[] = []
  const errors: unknown[] = []
  const identity = await openIdentity({
    trust: () => serviceAccountTrust(),
    reviewToken: () => Promise.reject(new Error('no cluster in this test')),
    ...more,
    store,
    timers: false,
    now: () => clock.now,
    onError: error => void errors.push(error),
    hooks: {
      opening: async (session: Session) => void journal.push(`open ${session.id}`),
      closed: async (session: Session, end: SessionEnd) =>
        void journal.push(`close ${session.id} ${end.reason}`),
      ...hooks,
    },
  })
  return {
    ...identity,
    store,
    journal,
    errors,
    get now() {
      return clock.now
    },
    set now(time) {
      clock.now = time
    },
    async close() {
      await identity.close()
      if (options.store === undefined) await store.close()
    },
  }
}

export function serviceAccountTrust(trust: Partial<ServiceAccountTrust> = {}): ServiceAccountTrust {
  return { enabled: true, alsoFrom: [], audiences: [], ...trust }
}

export function testConnection(name: string, limits: Partial<Connection['session']> = {}): Connection {
  return {
    name,
    kind: 'kubernetes',
    hosts: [],
    agents: ['embedded'],
    upstreamIdentity: 'principal',
    groupMappings: [],
    serviceAccounts: serviceAccountTrust(),
    capture: 'full',
    session: { idle: 3_600_000, maximum: 43_200_000, ...limits },
  }
}
