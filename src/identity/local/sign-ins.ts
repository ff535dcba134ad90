import { Refusal } from '../../errors/refusal.ts'
import type { ChangeFeed } from '../../store/change-feed.ts'
import { type Change, type StateStore, StoreConflict } from '../../store/store.ts'
import { type Principal, principalKey } from '../principal.ts'
import { invalidCredential } from '../refuse.ts'
import { tokenDigest } from '../token-digest.ts'
import { randomToken } from './random-token.ts'

/** A person who has proved who they are, here, for some hours. Its id is the SHA-256 of its token. */
export interface SignIn {
  readonly id: string
  readonly principal: Principal
  readonly createdAt: number
  readonly expiresAt: number
  /** Of a browser, for the approval page: good for nothing else. */
  readonly browser?: BrowserFacts
}

export interface BrowserFacts {
  /** When the person proved who he is; null: the issuer does not say. */
  readonly authenticatedAt: number | null
}

/** Asks for a sign-in of a browser. Milliseconds. */
export interface BrowserSignIn extends BrowserFacts {
  readonly lifetime: number
}

/** The token is shown exactly once; the store has its digest only. */
export interface SignedIn {
  readonly token: string
  readonly expiresAt: number
  readonly principal: Principal
}

export interface SignIns {
  /** `also`: changes that must succeed together with it, such as using up a one-time code. */
  create(principal: Principal, also?: readonly Change[], browser?: BrowserSignIn): Promise<SignedIn>
  /** Synchronous; undefined when unknown here, ended or expired. */
  get(id: string): SignIn | undefined
  list(): SignIn[]
  /**
   * False when it had ended before. At once in this process, also when the store then fails (`state-unavailable`);
   * in others as soon as they read the change.
   */
  end(id: string): Promise<boolean>
  endWhere(matches: (signIn: SignIn) => boolean): Promise<void>
  /** Deletes what has expired. */
  sweep(): Promise<void>
  /** Told of each sign-in that ends here or elsewhere. */
  onEnd(listener: (id: string) => void): void
}

export interface SignInRecord {
  readonly principal: Principal
  readonly createdAt: number
  readonly expiresAt: number
  readonly browser?: BrowserFacts
}

export const SIGN_IN_KIND = 'sign-in'

export interface SignInOptions {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly now: () => number
  /** Milliseconds; default 12 h. */
  readonly lifetime?: number
}

export async function openSignIns(options: SignInOptions): Promise<SignIns> {
  const { store, feed, now } = options
  const lifetime = options.lifetime ?? 43_200_000
  const known = new Map<string, SignIn & { readonly version: number }>()
  /** Ended here, not yet seen to be gone by the feed: an older reading must not bring them back. */
  const ending = new Set<string>()
  const listeners: ((id: string) => void)[] = []

  function forget(id: string): void {
    if (known.delete(id)) for (const listener of listeners) listener(id)
  }

  await feed.follow<SignInRecord>(SIGN_IN_KIND, {
    put({ key, value, version }) {
      if (!ending.has(key)) known.set(key, { id: key, version, ...value })
    },
    remove: forget,
  })

  async function end(id: string): Promise<boolean> {
    const here = known.get(id)?.version
    ending.add(id)
    forget(id)
    try {
      const version = here ?? (await store.get(SIGN_IN_KIND, id))?.version
      if (version === undefined) return false
      await store.commit([{ op: 'delete', kind: SIGN_IN_KIND, key: id, version }])
      return true
    } catch (error) {
      // Records of this kind are never updated: somebody else ended it first.
      if (error instanceof StoreConflict) return false
      throw new Refusal('state-unavailable', { cause: error })
    } finally {
      await feed.catchUp().then(
        () => ending.delete(id),
        () => {},
      )
    }
  }

  return {
    async create(principal, also = [], browser) {
      const token = randomToken(browser === undefined ? 'spl_' : 'spb_')
      const id = tokenDigest(token)
      const createdAt = now()
      const expiresAt = createdAt + (browser?.lifetime ?? lifetime)
      const own: Principal = {
        ...principal,
        authentication: {
          ...principal.authentication,
          validUntil: expiresAt,
          issuedAt: createdAt,
          credentialDigest: id,
        },
      }
      const value: SignInRecord = {
        ...{ principal: own, createdAt, expiresAt },
        ...(browser === undefined ? {} : { browser: { authenticatedAt: browser.authenticatedAt } }),
      }
      try {
        await store.commit([...also, { op: 'create', kind: SIGN_IN_KIND, key: id, value }])
      } catch (error) {
        if (error instanceof StoreConflict) throw invalidCredential('sign-in-used', 'it was used before')
        throw new Refusal('state-unavailable', { cause: error })
      }
      known.set(id, { id, version: 1, ...value })
      return { token, expiresAt, principal: own }
    },
    get(id) {
      const signIn = known.get(id)
      return signIn !== undefined && now() < signIn.expiresAt ? signIn : undefined
    },
    list: () => [...known.values()].filter(signIn => now() < signIn.expiresAt),
    end,
    async endWhere(matches) {
      for (const signIn of [...known.values()]) if (matches(signIn)) await end(signIn.id)
    },
    async sweep() {
      for (const signIn of [...known.values()]) if (now() >= signIn.expiresAt) await end(signIn.id)
    },
    onEnd(listener) {
      listeners.push(listener)
    },
  }
}

export function isOf(principal: Principal): (signIn: { readonly principal: Principal }) => boolean {
  const key = principalKey(principal)
  return signIn => principalKey(signIn.principal) === key
}
