import { UPSTREAM_PREFIX } from '../../brand.ts'
import type { Principal } from '../principal.ts'

/** One OIDC issuer whose tokens are accepted. Durations in milliseconds. */
export interface OidcProviderConfig {
  readonly name: string
  /** Compared byte for byte with `iss` and with the discovery document. https, or http on loopback. */
  readonly issuer: string
  /** A token must carry at least one of these. Never empty. */
  readonly audiences: readonly string[]
  /** Asymmetric ones only; absent: RS256, ES256, EdDSA and PS256. */
  readonly algorithms?: readonly string[]
  /** Put before every user and group name of this issuer; ends with a colon. */
  readonly prefix: string
  /** Claim names: an own name, or a path with dots into nested objects. */
  readonly claims?: Partial<ClaimNames>
  /** Further claims that policies may look at. Absent: none. */
  readonly carriedClaims?: readonly string[]
  /** Claims of whoever set a job going; absent: those of the known forges, where a token has them. */
  readonly startedBy?: readonly string[]
  /** Tolerance of `exp`, `nbf` and `iat`; at most five minutes. Absent: 30 s. */
  readonly clockSkew?: number
  /** Oldest `iat`; absent: only `exp` counts. */
  readonly maxAge?: number
  /** PEM; replaces the system's certificate authorities for this issuer. */
  readonly ca?: string
  readonly login?: { readonly clientId: string }
  /** Claims that must be there with this value (or, for a list, with one of these). */
  readonly requiredClaims?: Readonly<Record<string, string | readonly string[]>>
  /** What this issuer's subjects are; absent: persons. CI issuers say `job`. */
  readonly principalKind?: Extract<Principal['kind'], 'person' | 'job' | 'agent'>
}

export interface ClaimNames {
  readonly username: string
  readonly groups: string
  readonly email: string
  readonly displayName: string
}

export const defaultClaims: ClaimNames = {
  username: 'sub',
  groups: 'groups',
  email: 'email',
  displayName: 'name',
}

export const defaultAlgorithms: readonly string[] = ['RS256', 'ES256', 'EdDSA', 'PS256']

const ASYMMETRIC = new Set([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
])
const LARGEST_SKEW = 300_000
const RESERVED = ['system:', 'local:', UPSTREAM_PREFIX]

/**
 * Refuses a set of providers under which one issuer could speak for another: equal issuers or names, prefixes that
 * overlap, reserved prefixes, shared-secret algorithms, no audience. Throws an Error that names the provider.
 */
export function checkProviders(providers: readonly OidcProviderConfig[]): void {
  for (const [index, provider] of providers.entries()) {
    const fault = faultOf(provider)
    if (fault !== undefined) throw new Error(`identity provider ${provider.name}: ${fault}`)
    for (const other of providers.slice(0, index)) {
      if (other.name === provider.name) throw new Error(`identity provider ${provider.name}: named twice`)
      if (other.issuer === provider.issuer) {
        throw new Error(`identity providers ${other.name} and ${provider.name} have the same issuer`)
      }
      if (other.prefix.startsWith(provider.prefix) || provider.prefix.startsWith(other.prefix)) {
        throw new Error(`identity providers ${other.name} and ${provider.name} have overlapping prefixes`)
      }
    }
  }
}

function faultOf(provider: OidcProviderConfig): string | undefined {
  if (!isTrustworthyUrl(provider.issuer)) return 'the issuer must be an https URL without query or fragment'
  if (provider.audiences.length === 0 || provider.audiences.includes('')) return 'an audience is needed'
  for (const algorithm of provider.algorithms ?? defaultAlgorithms) {
    if (!ASYMMETRIC.has(algorithm)) return `algorithm ${algorithm} cannot be used`
  }
  if (provider.algorithms?.length === 0) return 'an algorithm is needed'
  if (!/^[!-~]+:$/.test(provider.prefix)) return 'the prefix must be printable ASCII that ends with a colon'
  if (RESERVED.some(taken => provider.prefix.toLowerCase().startsWith(taken))) {
    return `the prefix ${provider.prefix} is reserved`
  }
  const skew = provider.clockSkew ?? 0
  if (!(skew >= 0 && skew <= LARGEST_SKEW)) return 'the clock skew must be between 0 and 5 minutes'
  if (provider.maxAge !== undefined && !(provider.maxAge > 0)) return 'the maximum age must be positive'
  return undefined
}

/** https; or http where nobody is on the way, for tests and demos. */
export function isTrustworthyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || text.includes('?') || text.includes('#')) return false
  return (
    url.protocol === 'https:' ||
    (url.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname))
  )
}
