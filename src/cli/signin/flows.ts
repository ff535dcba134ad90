import * as oidc from 'openid-client'
import { exitCodes, Failure } from '../frame/failure.ts'
import { type Issuer, reasonOf } from './discover.ts'
import { listenForAnswer } from './loopback.ts'
import type { Provider } from './oidc.ts'
import { PATIENCE } from './patience.ts'

type Show = (url: string, more: string) => void

/** Authorization code flow with PKCE, state and nonce; the answer comes to a random port on 127.0.0.1 (RFC 8252). */
export async function signInByBrowser(
  issuer: Issuer,
  provider: Provider,
  show: Show,
): Promise<{ idToken: string }> {
  const { configuration } = issuer
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  const loopback = await listenForAnswer(state, PATIENCE)
  try {
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: loopback.redirectUri,
      scope: scopesOf(provider),
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    })
    show(url.href, '')
    const answer = await loopback.answer
    const tokens = await oidc.authorizationCodeGrant(configuration, answer, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    })
    return { idToken: tokens.id_token! }
  } catch (error) {
    throw failed(error)
  } finally {
    loopback.close()
  }
}

/** Device authorization grant (RFC 8628): the person confirms on any device, this one only polls. */
export async function signInByDevice(
  issuer: Issuer,
  provider: Provider,
  show: Show,
): Promise<{ idToken: string }> {
  const { configuration } = issuer
  try {
    const started = await oidc.initiateDeviceAuthorization(configuration, { scope: scopesOf(provider) })
    show(
      started.verification_uri_complete ?? started.verification_uri,
      `and check that it shows the code  ${started.user_code}`,
    )
    const tokens = await oidc.pollDeviceAuthorizationGrant(configuration, started, undefined, {
      signal: AbortSignal.timeout(PATIENCE),
    })
    if (tokens.id_token === undefined) throw new Error('the issuer sent no ID token')
    return { idToken: tokens.id_token }
  } catch (error) {
    throw failed(error)
  }
}

function scopesOf(provider: Provider): string {
  return [...new Set(['openid', ...provider.scopes])].join(' ')
}

function failed(error: unknown): Failure {
  if (error instanceof Failure) return error
  return new Failure({
    exitCode: exitCodes.signInFirst,
    what: `the sign-in did not succeed: ${reasonOf(error)}`,
    next: 'try again: sallyport login',
  })
}
