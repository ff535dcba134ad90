import { parseDuration } from './duration.ts'
import type { IdentityProviderDocument } from './schema/identity-provider.ts'
import type { SecretSource } from './secret-reference.ts'

/** An OIDC issuer as the identity stage needs it: references resolved, durations in milliseconds. */
export interface IdentityProviderSettings {
  readonly name: string
  readonly displayName?: string
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly prefix: string
  readonly claims: {
    readonly username: string
    readonly groups: string
    readonly email: string
    readonly displayName: string
  }
  readonly carriedClaims?: readonly string[]
  readonly startedBy?: readonly string[]
  readonly clockSkew: number
  /** Oldest `iat`; absent: only `exp` counts. */
  readonly maxAge?: number
  /** PEM. */
  readonly ca?: string
  readonly requiredClaims?: Readonly<Record<string, string | readonly string[]>>
  readonly principalKind?: 'person' | 'job' | 'agent'
  readonly login?: {
    readonly clientId: string
    readonly clientSecret?: string
    readonly scopes: readonly string[]
  }
}

/** Rejects when a referenced file or variable is missing; the error names the reference, never its content. */
export async function toIdentityProvider(
  { metadata, spec }: IdentityProviderDocument,
  secrets: SecretSource,
): Promise<IdentityProviderSettings> {
  const { oidc } = spec
  const ca = oidc.ca?.startsWith('file:') ? await secrets.resolve(oidc.ca) : oidc.ca
  const clientSecret =
    oidc.login?.clientSecret === undefined ? undefined : await secrets.resolve(oidc.login.clientSecret)
  return {
    name: metadata.name,
    ...(spec.displayName === undefined ? {} : { displayName: spec.displayName }),
    issuer: oidc.issuer,
    audiences: oidc.audiences,
    algorithms: oidc.algorithms ?? ['RS256', 'ES256', 'EdDSA', 'PS256'],
    prefix: oidc.prefix,
    claims: {
      username: oidc.claims?.username ?? 'sub',
      groups: oidc.claims?.groups ?? 'groups',
      email: oidc.claims?.email ?? 'email',
      displayName: oidc.claims?.displayName ?? 'name',
    },
    ...(oidc.carriedClaims === undefined ? {} : { carriedClaims: oidc.carriedClaims }),
    ...(oidc.startedBy === undefined ? {} : { startedBy: oidc.startedBy }),
    clockSkew: (oidc.clockSkew === undefined ? undefined : parseDuration(oidc.clockSkew)) ?? 30_000,
    ...(oidc.maxAge === undefined ? {} : { maxAge: parseDuration(oidc.maxAge)! }),
    ...(ca === undefined ? {} : { ca }),
    ...(oidc.requiredClaims === undefined ? {} : { requiredClaims: oidc.requiredClaims }),
    ...(oidc.principalKind === undefined ? {} : { principalKind: oidc.principalKind }),
    ...(oidc.login === undefined
      ? {}
      : {
          login: {
            clientId: oidc.login.clientId,
            ...(clientSecret === undefined ? {} : { clientSecret }),
            scopes: oidc.login.scopes ?? ['openid', 'profile', 'email', 'groups'],
          },
        }),
  }
}
