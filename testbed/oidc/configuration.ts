import type Provider from 'oidc-provider'
import type { Context } from 'oidc-provider'
import type { SigningAlgorithm, SigningKey } from './keys.ts'
import { createStorage } from './storage.ts'
import type { OidcUser } from './users.ts'

/** State that outlives a key rotation, which makes a new Provider over the same storage. */
export interface ProviderState {
  readonly users: Map<string, OidcUser>
  readonly algorithm: SigningAlgorithm
  readonly storage: (model: string) => object
  /** Lifetime in seconds of the ID token that an authorization code will be exchanged for. */
  readonly lifetimes: Map<string, number>
  readonly defaultLifetime: number
  readonly cookieKey: string
}

const scopes = ['openid', 'profile', 'email', 'groups', 'offline_access']

/** Where the provider sends a browser to sign in. */
export const signInPath = '/sign-in'

export function createProviderStorage(algorithm: SigningAlgorithm): (model: string) => object {
  return createStorage(clientId => ({
    client_id: clientId,
    application_type: 'web',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    // Any loopback address passes, see allowLoopbackRedirects; the list must not be empty.
    redirect_uris: ['http://127.0.0.1/callback'],
    id_token_signed_response_alg: algorithm,
  }))
}

/** Configuration of oidc-provider: public clients, PKCE, device flow, groups in the ID token, no consent page. */
export function providerConfiguration(state: ProviderState, keys: readonly SigningKey[]): object {
  return {
    adapter: state.storage,
    jwks: { keys },
    cookies: { keys: [state.cookieKey] },
    scopes,
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    // kubectl and its kin read the ID token alone: claims of scopes go into it.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: page('Enter the code of your device'),
        userCodeConfirmSource: page('Is this the code of your device?'),
        successSource: (ctx: Context) => {
          ctx.body = '<!doctype html><title>Done</title><p>You are signed in. Go back to your device.</p>'
        },
      },
      revocation: { enabled: true },
      introspection: { enabled: false },
    },
    interactions: { url: (_: Context, interaction: { uid: string }) => `${signInPath}/${interaction.uid}` },
    findAccount: (_: Context, subject: string) => account(state, subject),
    loadExistingGrant: grantEverything,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 86_400,
      IdToken: (ctx: Context) => {
        const code = ctx.oidc.params?.code
        return (code === undefined ? undefined : state.lifetimes.get(code)) ?? state.defaultLifetime
      },
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    renderError: (ctx: Context, out: Record<string, string>) => {
      ctx.body = `${out.error}: ${out.error_description ?? ''}`
    },
  }
}

/** A redirect may go to any port and path of this machine, as command lines listen wherever there is room. */
export function allowLoopbackRedirects(provider: Provider): void {
  provider.Client.prototype.redirectUriAllowed = uri => {
    const host = URL.canParse(uri) ? new URL(uri).hostname : ''
    return host === '127.0.0.1' || host === 'localhost' || host === '[::1]'
  }
}

function account(state: ProviderState, subject: string): object | undefined {
  const found = [...state.users].find(([, user]) => user.subject === subject)
  if (found === undefined) return undefined
  const [login, user] = found
  return {
    accountId: subject,
    claims: async () => ({
      sub: user.subject,
      name: user.name,
      preferred_username: login,
      email: user.email,
      email_verified: true,
      groups: user.groups,
    }),
  }
}

async function grantEverything(ctx: Context): Promise<object> {
  const { provider, client, session } = ctx.oidc as Context['oidc'] & { provider: Provider }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
  grant.addOIDCScope(scopes.join(' '))
  await grant.save()
  return grant
}

function page(title: string): (ctx: Context, form: string) => void {
  return (ctx, form) => {
    const button = '<button>Continue</button></form>'
    ctx.body = `<!doctype html><title>${title}</title><h1>${title}</h1>${form.replace('</form>', button)}`
  }
}
