import type { Connection, ServiceAccountTrust } from '../../connections/connection.ts'
import type { Session } from '../../connections/session.ts'
import {
  openSessions,
  type SessionEnd,
  type SessionHooks,
  type Sessions,
} from '../../connections/sessions.ts'
import { type ChangeFeed, openChangeFeed } from '../../store/change-feed.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import type { StateStore } from '../../store/store.ts'
import { type Authenticator, type AuthenticatorOptions, createAuthenticator } from '../authenticator.ts'
import { createOneTimeCodes, type OneTimeCodes } from '../local/one-time-codes.ts'
import { openSignIns, type SignIns } from '../local/sign-ins.ts'
import { openRevocations, type Revocations } from '../revocation/revocations.ts'

/** Noon of some day; tests move it by hand. */
export const START = Date.UTC(2026, 10, 21, 12)

/** One process of a gateway as far as identity goes, on a clock that stands still. For tests. */
export interface IdentityRig {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly revocations: Revocations
  readonly signIns: SignIns
  readonly codes: OneTimeCodes
  readonly sessions: Sessions
  readonly authenticator: Authenticator
  /** `open <id>` and `close <id> <reason>`, in order. */
  readonly journal: string[]
  readonly errors: unknown[]
  now: number
  close(): Promise<void>
}

export interface RigOptions
  extends Partial<Omit<AuthenticatorOptions, 'feed' | 'revocations' | 'signIns' | 'sessions' | 'now'>> {
  /** Shared by the rigs of several processes; not closed by them. */
  readonly store?: StateStore
  readonly hooks?: Partial<SessionHooks>
  /** Where the clock stands at first. */
  readonly start?: number
}

export async function openIdentityRig(options: RigOptions = {}): Promise<IdentityRig> {
  const store = options.store ?? (await openSqliteStore(':memory:'))
  const now = () => rig.now
  const journal: string[] = []
  const errors: unknown[] = []
  const rig = { store, journal, errors, now: options.start ?? START } as {
    -readonly [K in keyof IdentityRig]: IdentityRig[K]
  }
  rig.feed = await openChangeFeed(store, { now, every: 3_600_000 })
  rig.revocations = await openRevocations(store, rig.feed, now)
  rig.signIns = await openSignIns({ store, feed: rig.feed, now })
  rig.codes = createOneTimeCodes(store, rig.signIns, now)
  rig.sessions = await openSessions({
    store,
    feed: rig.feed,
    now,
    revocations: rig.revocations,
    signIns: rig.signIns,
    onError: error => void errors.push(error),
    sweepEvery: 0,
    hooks: {
      opening:
        options.hooks?.opening ?? (async (session: Session) => void journal.push(`open ${session.id}`)),
      closed:
        options.hooks?.closed ??
        (async (session: Session, end: SessionEnd) => void journal.push(`close ${session.id} ${end.reason}`)),
    },
  })
  rig.authenticator = createAuthenticator({
    trust: () => serviceAccountTrust(),
    reviewToken: () => Promise.reject(new Error('no cluster in this test')),
    ...options,
    now,
    feed: rig.feed,
    revocations: rig.revocations,
    signIns: rig.signIns,
    sessions: rig.sessions,
  })
  rig.close = async () => {
    await rig.authenticator.close()
    await rig.sessions.close()
    rig.feed.close()
    if (options.store === undefined) await store.close()
  }
  return rig
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
