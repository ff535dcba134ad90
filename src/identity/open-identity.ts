import { openSessions, type SessionHooks, type Sessions } from '../connections/sessions.ts'
import { type ChangeFeed, openChangeFeed } from '../store/change-feed.ts'
import type { StateStore } from '../store/store.ts'
import { type Authenticator, type AuthenticatorOptions, createAuthenticator } from './authenticator.ts'
import { createOneTimeCodes, type OneTimeCodes } from './local/one-time-codes.ts'
import { openSignIns, type SignIns } from './local/sign-ins.ts'
import { sweepUsedIdTokens } from './oidc/used-id-tokens.ts'
import { openRevocations, type Revocations } from './revocation/revocations.ts'

/** Who may come in, and who is in. `revoke` and `signOut` take this as their parts. */
export interface Identity {
  readonly feed: ChangeFeed
  readonly revocations: Revocations
  readonly signIns: SignIns
  readonly codes: OneTimeCodes
  readonly sessions: Sessions
  readonly authenticator: Authenticator
  /** Deletes what has expired. Runs by itself every minute. */
  sweep(): Promise<void>
  /** The store stays open. */
  close(): Promise<void>
}

type Wired = 'feed' | 'revocations' | 'signIns' | 'sessions'

export interface IdentityOptions extends Omit<AuthenticatorOptions, Wired> {
  readonly store: StateStore
  readonly hooks: SessionHooks
  /** What went wrong outside of a request. */
  readonly onError: (error: unknown) => void
  /** Milliseconds; default 12 h. */
  readonly signInLifetime?: number
  /** False for tests that move the clock by hand: nothing polls or sweeps by itself. */
  readonly timers?: boolean
}

/** Puts the parts together and reads what the store knows of them. */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { store, now, onError, hooks } = options
  const timers = options.timers ?? true
  const feed = await openChangeFeed(store, { now, onError, ...(timers ? {} : { every: 2 ** 31 - 1 }) })
  const revocations = await openRevocations(store, feed, now)
  const signIns = await openSignIns({
    store,
    feed,
    now,
    ...(options.signInLifetime === undefined ? {} : { lifetime: options.signInLifetime }),
  })
  const codes = createOneTimeCodes(store, signIns, now)
  const sessions = await openSessions({
    store,
    feed,
    now,
    hooks,
    revocations,
    signIns,
    onError,
    ...(timers ? {} : { sweepEvery: 0 }),
  })
  const authenticator = createAuthenticator({ ...options, feed, revocations, signIns, sessions })

  async function sweep(): Promise<void> {
    await signIns.sweep()
    await codes.sweep()
    await revocations.sweep()
    await sweepUsedIdTokens(store, now())
  }
  const timer = timers ? setInterval(() => void sweep().catch(onError), 60_000).unref() : undefined

  return {
    feed,
    revocations,
    signIns,
    codes,
    sessions,
    authenticator,
    sweep,
    async close() {
      clearInterval(timer)
      await authenticator.close()
      await sessions.close()
      feed.close()
    },
  }
}
