import type { ApiServices } from '../api/services.ts'
import type { SignedIn, SignIn } from '../identity/local/sign-ins.ts'
import type { BrowserFlow, FlowProvider } from '../identity/oidc/browser-flow.ts'

/** What the approval page needs: the API's services, by whose rules it is decided, and ways for a browser to sign in. */
export interface PageServices {
  readonly api: ApiServices
  readonly browsers: BrowserServices
  /** A text as the trail may show it. */
  shown(text: string): string
}

export interface BrowserServices {
  /** Those that people can be sent to. */
  providers(): readonly (FlowProvider & { readonly displayName?: string })[]
  readonly flow: BrowserFlow
  /** Uses the ID token up. `lifetime` of what comes of it in milliseconds. */
  byIdToken(provider: string, idToken: string, nonce: string, lifetime: number): Promise<SignedIn>
  byCode(code: string, lifetime: number): Promise<SignedIn>
  /** Throws Refusals 401 and 503. */
  find(token: string): Promise<SignIn>
  /** Ends the sign-in of this browser and no other. */
  end(id: string): Promise<boolean>
}
