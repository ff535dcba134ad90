import { Refusal } from '../errors/refusal.ts'
import type { ChangeFeed } from '../store/change-feed.ts'
import type { KeyHealth, KeyTimes } from './jwt/key-source.ts'
import { ownClaim, readJwt, type UnverifiedJwt } from './jwt/read-jwt.ts'
import type { SignedIn, SignIn, SignIns } from './local/sign-ins.ts'
import { type OidcProvider, openProvider } from './oidc/open-provider.ts'
import { checkProviders, type OidcProviderConfig } from './oidc/provider-config.ts'
import { useIdToken } from './oidc/used-id-tokens.ts'
import type { Principal } from './principal.ts'
import { createPrincipalCache } from './principal-cache.ts'
import { invalidCredential } from './refuse.ts'
import type { Revocations } from './revocation/revocations.ts'
import {
  createServiceAccountVerifier,
  type ServiceAccountOptions,
} from './serviceaccount/verify-service-account.ts'
import { tokenDigest } from './token-digest.ts'

/** Credentials to principals. Nothing here logs, stores or passes on a credential. */
export interface Authenticator {
  /** `connectionName` is null for our own API. Throws `credential-*`, `session-ended`, `agent-` or `state-unavailable`. */
  authenticate(token: string, connectionName: string | null): Promise<Principal>
  /** The hot path: a principal verified a moment ago, without a promise. Undefined: call `authenticate`. */
  cached(token: string, connectionName: string | null): Principal | undefined
  /** An ID token becomes a sign-in, once. `provider`: name; undefined: by its issuer. */
  signInWithIdToken(
    provider: string | undefined,
    idToken: string,
    nonce?: string,
    browser?: { readonly lifetime: number },
  ): Promise<SignedIn>
  /** Whose browser this is, by the token of its cookie. Throws `credential-expired`, `-invalid` or `state-unavailable`. */
  ofBrowser(token: string): Promise<SignIn>
  /** Replaces the issuers. Throws an Error when the set is unsafe; the old one then stays. */
  setProviders(providers: readonly OidcProviderConfig[]): void
  issuers(): readonly (KeyHealth & { readonly name: string })[]
  close(): Promise<void>
}

export interface SessionCredentials {
  /** Synchronous; undefined when there is no live session with this credential. */
  byCredential(digest: string): { readonly principal: Principal; readonly connection: string } | undefined
}

export interface AuthenticatorOptions extends ServiceAccountOptions {
  readonly feed: ChangeFeed
  readonly revocations: Revocations
  readonly signIns: SignIns
  readonly sessions: SessionCredentials
  readonly providers?: readonly OidcProviderConfig[]
  /** Most principals in the cache; default 20,000. */
  readonly cacheSize?: number
  readonly keyTimes?: Partial<KeyTimes>
}

/** Milliseconds without news of revocations after which nothing is believed. */
const STALE = 15_000
/** A verified token is looked at again after this time, so that removed keys and issuers take effect. */
const LONGEST_CACHED = 300_000
const NEGATIVE = 2_000
const MOST_NEGATIVES = 5_000

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { now, feed, revocations, signIns, sessions } = options
  const cache = createPrincipalCache(options.cacheSize ?? 20_000)
  const serviceAccounts = createServiceAccountVerifier(options)
  const running = new Map<string, Promise<Principal>>()
  const negatives = new Map<string, { readonly refusal: Refusal; readonly until: number }>()
  let byIssuer = new Map<string, OidcProvider>()
  /** Counts changes of the providers: a verification that began before one leaves nothing in the cache. */
  let generation = 0

  function cached(token: string, connectionName: string | null): Principal | undefined {
    const at = now()
    if (at - feed.freshAt() > STALE) return undefined
    const digest = tokenDigest(token)
    let principal: Principal | undefined
    if (token.startsWith('sps_')) {
      const session = sessions.byCredential(digest)
      principal = session?.connection === connectionName ? session.principal : undefined
    } else if (token.startsWith('spl_')) {
      principal = connectionName === null ? signIns.get(digest)?.principal : undefined
    } else {
      principal = cache.get(cacheKey(digest, connectionName), at)
    }
    return principal === undefined || revocations.isRevoked(principal) ? undefined : principal
  }

  /** Revocations made elsewhere must be known before anything is believed. */
  async function catchUp(): Promise<void> {
    try {
      await feed.catchUp()
    } catch (error) {
      throw new Refusal('state-unavailable', { check: 'revocations', cause: error })
    }
  }

  async function ofSession(digest: string, connectionName: string | null): Promise<Principal> {
    // A session that was opened through another process a moment ago.
    if (sessions.byCredential(digest) === undefined) await catchUp()
    const session = sessions.byCredential(digest)
    if (session === undefined) throw new Refusal('session-ended', { check: 'session-credential' })
    if (session.connection !== connectionName) {
      throw invalidCredential('session-connection', 'this session belongs to another connection')
    }
    return session.principal
  }

  async function ofSignIn(digest: string, connectionName: string | null): Promise<Principal> {
    if (connectionName !== null) {
      throw invalidCredential(
        'sign-in-connection',
        "a sign-in is for Sallyport's own API: open a session with it",
      )
    }
    if (signIns.get(digest) === undefined) await catchUp()
    const signIn = signIns.get(digest)
    if (signIn === undefined) throw new Refusal('credential-expired', { check: 'sign-in' })
    return signIn.principal
  }

  function ofJwt(token: string, key: string, connectionName: string | null): Promise<Principal> {
    let verification = running.get(key)
    if (verification === undefined) {
      verification = verifyJwt(token, key, connectionName).finally(() => running.delete(key))
      running.set(key, verification)
    }
    return verification
  }

  /** An issuer is one text (RFC 7519, 4.1.1): a list of one is not taken for it. */
  function providerOf({ claims }: UnverifiedJwt): OidcProvider | undefined {
    const issuer = ownClaim(claims, 'iss')
    return typeof issuer === 'string' ? byIssuer.get(issuer) : undefined
  }

  async function verifyJwt(token: string, key: string, connectionName: string | null): Promise<Principal> {
    const began = generation
    const jwt = readJwt(token)
    const provider = providerOf(jwt)
    const principal =
      provider === undefined ? await ofServiceAccount(jwt, key, connectionName) : await provider.verify(jwt)
    const at = now()
    const until = Math.min(principal.authentication.validUntil, at + LONGEST_CACHED)
    if (began === generation && at < until) cache.set(key, principal, until)
    return principal
  }

  async function ofServiceAccount(
    jwt: UnverifiedJwt,
    key: string,
    connectionName: string | null,
  ): Promise<Principal> {
    if (connectionName === null) {
      throw invalidCredential('token-issuer', 'nobody here vouches for this issuer')
    }
    const negative = negatives.get(key)
    if (negative !== undefined) {
      if (now() < negative.until) throw negative.refusal
      negatives.delete(key)
    }
    try {
      return await serviceAccounts.verify(jwt, connectionName)
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) {
        if (negatives.size >= MOST_NEGATIVES) negatives.clear()
        negatives.set(key, { refusal: error, until: now() + NEGATIVE })
      }
      throw error
    }
  }

  async function authenticate(token: string, connectionName: string | null): Promise<Principal> {
    const hit = cached(token, connectionName)
    if (hit !== undefined) return hit
    if (now() - feed.freshAt() > STALE) await catchUp()
    const digest = tokenDigest(token)
    let principal: Principal
    if (token.startsWith('sps_')) principal = await ofSession(digest, connectionName)
    else if (token.startsWith('spl_')) principal = await ofSignIn(digest, connectionName)
    else principal = await ofJwt(token, cacheKey(digest, connectionName), connectionName)
    // After the last wait: what was cut off meanwhile must not pass.
    revocations.check(principal)
    return principal
  }

  function setProviders(providers: readonly OidcProviderConfig[]): void {
    checkProviders(providers)
    const before = byIssuer
    const kept = new Set<OidcProvider>()
    byIssuer = new Map(
      providers.map(config => {
        const present = before.get(config.issuer)
        const same = present !== undefined && JSON.stringify(present.config) === JSON.stringify(config)
        const provider = same ? present : openProvider(config, now, options.keyTimes)
        kept.add(provider)
        return [config.issuer, provider]
      }),
    )
    generation += 1
    cache.clear()
    for (const provider of before.values()) if (!kept.has(provider)) void provider.close()
  }

  setProviders(options.providers ?? [])

  return {
    authenticate,
    cached,
    async signInWithIdToken(name, idToken, nonce, browser) {
      const jwt = readJwt(idToken)
      const provider = providerOf(jwt)
      if (provider === undefined || (name !== undefined && provider.config.name !== name)) {
        throw invalidCredential('token-issuer', 'nobody here vouches for this issuer')
      }
      await catchUp()
      const principal = await provider.verifySignIn(jwt, nonce)
      revocations.check(principal)
      const used = [useIdToken(idToken, principal.authentication.validUntil)]
      if (browser === undefined) return signIns.create(principal, used)
      return signIns.create(principal, used, {
        lifetime: browser.lifetime,
        authenticatedAt: authenticationTime(jwt, now()),
      })
    },
    async ofBrowser(token) {
      if (!token.startsWith('spb_')) throw invalidCredential('browser', 'not the token of a browser')
      const digest = tokenDigest(token)
      if (now() - feed.freshAt() > STALE || signIns.get(digest) === undefined) await catchUp()
      const signIn = signIns.get(digest)
      if (signIn?.browser === undefined) throw new Refusal('credential-expired', { check: 'sign-in' })
      revocations.check(signIn.principal)
      return signIn
    },
    setProviders,
    issuers: () =>
      [...byIssuer.values()].map(provider => ({ name: provider.config.name, ...provider.health() })),
    async close() {
      await Promise.all([...byIssuer.values()].map(provider => provider.close()))
    },
  }
}

function cacheKey(digest: string, connectionName: string | null): string {
  return connectionName === null ? digest : `${digest} ${connectionName}`
}

/** OpenID Connect Core 1.0, 2: `auth_time`, in seconds. Not believed when it lies ahead. */
function authenticationTime({ claims }: UnverifiedJwt, now: number): number | null {
  const at = ownClaim(claims, 'auth_time')
  return typeof at === 'number' && Number.isFinite(at) ? Math.min(at * 1000, now) : null
}
