import type { LoginProviders, SignIn } from '../../api/schema/identity.ts'
import type { ApiClient } from '../client/client.ts'
import { type ChosenGateway, nameOf } from '../config/gateway.ts'
import { readProfile, rememberGateway } from '../config/profile.ts'
import { writeSignIn } from '../config/sign-in-file.ts'
import type { Context } from '../frame/context.ts'
import { exitCodes, Failure, usage } from '../frame/failure.ts'

export interface SignInWishes {
  readonly code?: string | undefined
  readonly provider?: string | undefined
  readonly device?: boolean
  readonly browser?: boolean
  /** Whether a person is there to follow instructions. */
  readonly interactive: boolean
  /** Nobody sees this process: addresses are announced to others, and no second tab is opened unasked. */
  readonly background?: boolean
  /**
   * The token that was there when this sign-in was asked for. Another one that is there later was kept by another
   * process meanwhile: it is taken, and nobody is asked again.
   */
  readonly before: string | undefined
  /** Make this gateway the one that later commands mean. */
  readonly remember: boolean
}

/** Signs in by whatever the gateway offers and the caller wishes, and keeps the token. */
export async function signIn(context: Context, wishes: SignInWishes): Promise<SignIn> {
  const gateway = await context.gateway()
  const client = await context.client()
  if (wishes.code !== undefined) {
    const answer = await client.post<SignIn>('/v1/signin/code', { token: null, body: { code: wishes.code } })
    return keep(context, gateway, answer, wishes.remember)
  }
  const provider = await providerFor(client, gateway, wishes.provider)
  if (!wishes.interactive) throw signInFirst(gateway)
  const { signInWithOidc } = await import('./oidc.ts')
  return signInWithOidc(context, gateway, provider, wishes, async idToken => {
    const body = { provider: provider.name }
    const answer = await client.post<SignIn>('/v1/signin/oidc', { token: idToken, body })
    return keep(context, gateway, answer, wishes.remember)
  })
}

function keep(context: Context, gateway: ChosenGateway, answer: SignIn, remember: boolean): SignIn {
  const { principal, token, expiresAt } = answer
  writeSignIn(context.paths, gateway.server, {
    token,
    expiresAt: Date.parse(expiresAt),
    username: principal.username,
    issuer: principal.issuer,
    subject: principal.subject,
  })
  if (!remember) return answer
  const { gateways } = readProfile(context.paths)
  const known = Object.entries(gateways).find(([, entry]) => entry.server === gateway.server)?.[0]
  const caFile = gateway.caFile ?? gateways[known ?? '']?.caFile
  rememberGateway(context.paths, known ?? nameOf(gateway.server), {
    server: gateway.server,
    ...(caFile === undefined ? {} : { caFile }),
  })
  return answer
}

/** The identity provider that is meant. Throws the Failure that says why there is none. */
export async function providerFor(
  client: ApiClient,
  gateway: ChosenGateway,
  wanted: string | undefined,
): Promise<Provider> {
  const offered = await client.get<LoginProviders>('/v1/signin/providers', { token: null })
  const provider = chooseProvider(offered, wanted)
  if (provider === undefined) throw onlyCodes(offered, gateway)
  return provider
}

type Provider = LoginProviders['items'][number]

function chooseProvider(offered: LoginProviders, wanted: string | undefined): Provider | undefined {
  const names = offered.items.map(p => p.name)
  if (wanted !== undefined) {
    const found = offered.items.find(p => p.name === wanted)
    if (found !== undefined) return found
    throw usage(
      `there is no identity provider ${wanted}`,
      `there ${names.length === 0 ? 'is none' : `is ${names.join(', ')}`}`,
    )
  }
  if (offered.items.length > 1) {
    throw usage(
      `there are several identity providers: ${names.join(', ')}`,
      `choose one: sallyport login --provider ${names[0]}`,
    )
  }
  return offered.items[0]
}

export function signInFirst(gateway: ChosenGateway): Failure {
  return new Failure({
    exitCode: exitCodes.signInFirst,
    what: `you are not signed in to ${gateway.server}`,
    next: `sign in first: sallyport login --gateway ${gateway.server}${gateway.caFile === undefined ? '' : ` --ca-file ${gateway.caFile}`}`,
  })
}

function onlyCodes(offered: LoginProviders, gateway: ChosenGateway): Failure {
  return new Failure({
    exitCode: exitCodes.signInFirst,
    what: offered.codes
      ? `${gateway.server} has no identity provider: it takes one-time codes of its operator`
      : `${gateway.server} has no way to sign in: its operator has to add an identity provider`,
    next: offered.codes
      ? `ask the operator for a code, then: sallyport login --gateway ${gateway.server} --code CODE`
      : undefined,
  })
}
