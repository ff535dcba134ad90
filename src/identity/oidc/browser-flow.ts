import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type * as Oidc from 'openid-client'
import { Refusal } from '../../errors/refusal.ts'
import { invalidCredential } from '../refuse.ts'

/** What a sign-in in a browser needs to know of an issuer. */
export interface FlowProvider {
  readonly name: string
  readonly issuer: string
  /** PEM. */
  readonly ca?: string
  readonly login?: {
    readonly clientId: string
    readonly clientSecret?: string
    readonly scopes: readonly string[]
  }
}

/**
 * The secrets of one sign-in, all derived from one random text that only the browser holds, in a cookie: nothing is kept
 * here, so nobody can fill the store by asking to sign in.
 */
export interface FlowSecrets {
  readonly state: string
  readonly nonce: string
  /** RFC 7636, 4.1: 43 characters. */
  readonly verifier: string
}

export interface BrowserFlow {
  /** Where the browser is to be sent. `afresh`: the issuer is to ask again who this is. */
  begin(
    provider: FlowProvider,
    secrets: FlowSecrets,
    redirectUri: string,
    scope: { readonly afresh: boolean },
  ): Promise<string>
  /** The ID token, for the authenticator to judge. `answer`: the address that the issuer sent the browser to. */
  finish(provider: FlowProvider, secrets: FlowSecrets, answer: URL): Promise<string>
}

/** Milliseconds for which what an issuer says of itself is believed. */
const BELIEVED = 600_000
/** Milliseconds after a failure before the issuer is asked again. */
const PAUSE = 3_000

export function newFlowSeed(): string {
  return randomBytes(32).toString('base64url')
}

/** @param bound What the seed stands for: another issuer or target gives other secrets. */
export function flowSecretsOf(seed: string, bound: string): FlowSecrets {
  const derive = (what: string): string =>
    createHmac('sha256', seed).update(`${what}\n${bound}`).digest('base64url')
  return { state: derive('state'), nonce: derive('nonce'), verifier: derive('verifier') }
}

export function isSameText(one: string, other: string): boolean {
  const a = Buffer.from(one)
  const b = Buffer.from(other)
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Authorization code flow with PKCE (S256), state and nonce: OpenID Connect Core 1.0, 3.1, and RFC 9700. */
export function createBrowserFlow(now: () => number): BrowserFlow {
  const known = new WeakMap<FlowProvider, { until: number; found: Promise<Oidc.Configuration> }>()

  function configurationOf(provider: FlowProvider): Promise<Oidc.Configuration> {
    const present = known.get(provider)
    if (present !== undefined && now() < present.until) return present.found
    const entry = { until: now() + BELIEVED, found: discover(provider) }
    known.set(provider, entry)
    entry.found.catch(() => {
      entry.until = now() + PAUSE
    })
    return entry.found
  }

  return {
    async begin(provider, { state, nonce, verifier }, redirectUri, { afresh }) {
      const oidc = await import('openid-client')
      const configuration = await configurationOf(provider).catch(unreachable)
      return oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: [...new Set(['openid', ...provider.login!.scopes])].join(' '),
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...{ state, nonce },
        ...(afresh ? { prompt: 'login', max_age: '0' } : {}),
      }).href
    },
    async finish(provider, { state, nonce, verifier }, answer) {
      const oidc = await import('openid-client')
      const configuration = await configurationOf(provider).catch(unreachable)
      try {
        const tokens = await oidc.authorizationCodeGrant(configuration, answer, {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        })
        return tokens.id_token!
      } catch (error) {
        const refused = (error as { error?: unknown }).error
        const words =
          typeof refused === 'string' && /^[a-z_]{1,40}$/.test(refused)
            ? `the identity provider says ${refused}`
            : 'the identity provider did not confirm this sign-in'
        throw invalidCredential('browser-sign-in', words, error)
      }
    },
  }
}

async function discover({ issuer, login, ca }: FlowProvider): Promise<Oidc.Configuration> {
  const oidc = await import('openid-client')
  const url = new URL(issuer)
  const local = url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  const { clientId, clientSecret } = login!
  return oidc.discovery(
    url,
    clientId,
    undefined,
    clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret),
    {
      timeout: 15,
      ...(local ? { execute: [oidc.allowInsecureRequests] } : {}),
      ...(ca === undefined ? {} : { [oidc.customFetch]: await fetchTrusting(ca) }),
    },
  )
}

async function fetchTrusting(ca: string): Promise<Oidc.CustomFetch> {
  const { Agent, fetch } = await import('undici')
  const dispatcher = new Agent({ connect: { ca } })
  return ((url: string, options: object) =>
    fetch(url, { ...options, dispatcher })) as unknown as Oidc.CustomFetch
}

function unreachable(cause: unknown): never {
  throw new Refusal('credential-unverifiable', {
    check: 'identity-provider',
    detail: 'the identity provider cannot be reached',
    retryAfter: 5,
    cause,
  })
}
