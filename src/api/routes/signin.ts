import { Refusal } from '../../errors/refusal.ts'
import type { AttemptLimit } from '../../identity/attempt-limit.ts'
import { guarded } from '../guarded.ts'
import { apiVersion, defined, principalOf, time } from '../present.ts'
import { signInOf } from '../record.ts'
import { type Exchange, type Route, route } from '../route.ts'
import { codeBody, idTokenBody, providersSchema, signedInSchema } from '../schema/identity.ts'
import type { ApiServices, SignedIn } from '../services.ts'

export function signInRoutes(services: ApiServices, attempts: AttemptLimit): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/signin/providers',
      summary: 'How one can sign in here',
      response: providersSchema,
      handle: async () => ({
        apiVersion,
        kind: 'LoginProviderList',
        codes: services.signIn.codes,
        items: (await services.signIn.providers()).map(defined),
      }),
    }),
    route({
      method: 'POST',
      path: '/v1/signin/code',
      summary: 'Sign in with a one-time code',
      body: codeBody,
      response: signedInSchema,
      handle: x =>
        guarded(attempts, x.client, async () =>
          answer(services, x, await services.signIn.byCode(x.body.code, x.client)),
        ),
    }),
    route({
      method: 'POST',
      path: '/v1/signin/oidc',
      summary: 'Sign in with an ID token of a configured issuer, sent as bearer token',
      body: idTokenBody,
      response: signedInSchema,
      handle: x =>
        guarded(attempts, x.client, async () => {
          if (x.bearer === undefined) throw new Refusal('credential-missing')
          return answer(services, x, await services.signIn.byIdToken(x.bearer, x.body.provider, x.client))
        }),
    }),
  ]
}

/** The token leaves only after its sign-in is in the log. */
async function answer(services: ApiServices, x: Exchange, signedIn: SignedIn): Promise<object> {
  await services.record(signInOf(x.recorded, signedIn.principal))
  return {
    apiVersion,
    kind: 'SignIn',
    token: signedIn.token,
    expiresAt: time(signedIn.expiresAt),
    principal: principalOf(signedIn.principal),
  }
}
