import type { IdentityProviderSettings } from '../../documents/to-identity-provider.ts'
import { createBrowserFlow } from '../../identity/oidc/browser-flow.ts'
import type { Identity } from '../../identity/open-identity.ts'
import type { BrowserServices } from '../../page/services.ts'

/** How browsers sign in: through the same issuers, and judged by the same authenticator, as everybody else. */
export function browserServices(
  { authenticator, codes, signIns }: Identity,
  providers: () => readonly IdentityProviderSettings[],
  now: () => number,
): BrowserServices {
  return {
    providers: () => providers().filter(one => one.login !== undefined),
    flow: createBrowserFlow(now),
    byIdToken: (provider, idToken, nonce, lifetime) =>
      authenticator.signInWithIdToken(provider, idToken, nonce, { lifetime }),
    byCode: (code, lifetime) => codes.redeem(code, { lifetime, authenticatedAt: now() }),
    find: token => authenticator.ofBrowser(token),
    end: id => signIns.end(id),
  }
}
