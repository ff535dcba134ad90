import { timingSafeEqual } from 'node:crypto'
import { Agent } from 'undici'
import { createKeySource, type KeyHealth, type KeyTimes } from '../jwt/key-source.ts'
import { type Claims, ownClaim, type UnverifiedJwt } from '../jwt/read-jwt.ts'
import { checkTimes } from '../jwt/times.ts'
import type { Principal } from '../principal.ts'
import { expiredCredential, invalidCredential } from '../refuse.ts'
import { tokenDigest } from '../token-digest.ts'
import { claimAt } from './claims.ts'
import { discoverKeys } from './discover-keys.ts'
import { defaultAlgorithms, type OidcProviderConfig } from './provider-config.ts'
import { toPrincipal } from './to-principal.ts'

export interface OidcProvider {
  readonly config: OidcProviderConfig
  /** A bearer token of this issuer. Throws `credential-invalid`, `-expired` or `-unverifiable`. */
  verify(jwt: UnverifiedJwt): Promise<Principal>
  /** An ID token, as the proof that its subject has just signed in: OpenID Connect Core 1.0, 3.1.3.7. */
  verifySignIn(jwt: UnverifiedJwt, nonce: string | undefined): Promise<Principal>
  health(): KeyHealth
  close(): Promise<void>
}

const SKEW = 30_000

/** Connects to nobody before the first token. `checkProviders` must have passed the configuration. */
export function openProvider(
  config: OidcProviderConfig,
  now: () => number,
  times: Partial<KeyTimes> = {},
): OidcProvider {
  const dispatcher = new Agent({
    connect: { timeout: 5_000, ...(config.ca === undefined ? {} : { ca: config.ca }) },
    connections: 2,
    keepAliveTimeout: 1_000,
  })
  const keys = createKeySource({
    name: config.issuer,
    algorithms: config.algorithms ?? defaultAlgorithms,
    now,
    load: () => discoverKeys(config.issuer, dispatcher),
    times,
  })
  const skew = config.clockSkew ?? SKEW

  async function verify(jwt: UnverifiedJwt, audiences: readonly string[]): Promise<Principal> {
    const { claims } = jwt
    // Cheap and certain refusals first: an expired token never costs a signature check or a fetch.
    const at = now()
    const { expires, issued } = checkTimes(claims, at, skew)
    if (expires === undefined) throw invalidCredential('token-time', 'the token never expires')
    const oldest = youngEnough(config, issued, at, skew)
    checkParties(config, claims, audiences)
    checkRequired(config, claims)
    await keys.verify(jwt)
    return toPrincipal(config, claims, {
      method: 'oidc',
      provider: config.name,
      validUntil: Math.min(expires, oldest),
      ...(issued === undefined ? {} : { issuedAt: issued }),
      credentialDigest: tokenDigest(jwt.token),
    })
  }

  return {
    config,
    verify: jwt => verify(jwt, config.audiences),
    async verifySignIn(jwt, nonce) {
      if (jwt.type?.includes('at+jwt')) {
        throw invalidCredential('token-type', 'an access token is no proof of a sign-in')
      }
      if (ownClaim(jwt.claims, 'iat') === undefined) {
        throw invalidCredential('token-time', 'the ID token does not say when it was issued')
      }
      const clientId = config.login?.clientId
      if (nonce !== undefined && !sameText(ownClaim(jwt.claims, 'nonce'), nonce)) {
        throw invalidCredential('token-nonce', 'the ID token answers another sign-in')
      }
      return verify(jwt, clientId === undefined ? config.audiences : [clientId])
    },
    health: keys.health,
    close: () => dispatcher.close(),
  }
}

/** Returns the time at which the token becomes too old. */
function youngEnough(
  config: OidcProviderConfig,
  issued: number | undefined,
  at: number,
  skew: number,
): number {
  if (config.maxAge === undefined) return Number.POSITIVE_INFINITY
  if (issued === undefined) throw invalidCredential('token-time', 'the token does not say when it was issued')
  const until = issued + config.maxAge
  if (at >= until + skew) throw expiredCredential('token-age', 'the token is older than this gateway accepts')
  return until
}

function audiencesOf(claims: Claims): string[] {
  const aud = ownClaim(claims, 'aud')
  const list = Array.isArray(aud) ? aud : [aud]
  return list.every(item => typeof item === 'string') ? list : []
}

/**
 * `aud` must name us. Where our client id is known, `azp` must name it or one of our audiences when it is there, and
 * must be there when the token is for several audiences (OpenID Connect Core 1.0, 3.1.3.7, steps 3 to 5).
 */
function checkParties(config: OidcProviderConfig, claims: Claims, accepted: readonly string[]): void {
  const audiences = audiencesOf(claims)
  if (!audiences.some(audience => accepted.includes(audience))) {
    throw invalidCredential('token-audience', 'the token was issued for another audience')
  }
  const clientId = config.login?.clientId
  if (clientId === undefined) return
  const azp = ownClaim(claims, 'azp')
  if (
    azp === undefined ? audiences.length > 1 : azp !== clientId && !config.audiences.includes(String(azp))
  ) {
    throw invalidCredential('token-party', 'the token was issued to another client')
  }
}

function checkRequired(config: OidcProviderConfig, claims: Claims): void {
  for (const [name, wanted] of Object.entries(config.requiredClaims ?? {})) {
    const found = claimAt(claims, name)
    const values = Array.isArray(found) ? found : [found]
    const accepted = typeof wanted === 'string' ? [wanted] : wanted
    if (!values.some(value => accepted.includes(value as string))) {
      throw invalidCredential('claim-required', `the token's ${name} is not one that is accepted`)
    }
  }
}

function sameText(value: unknown, expected: string): boolean {
  if (typeof value !== 'string') return false
  const a = Buffer.from(value)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
