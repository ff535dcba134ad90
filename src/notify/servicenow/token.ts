import { createCaller, type RenewedAuthorization } from '../outgoing/caller.ts'
import { at, mustText } from '../outgoing/json.ts'

export interface TokenSettings {
  /** Of the instance, without a slash at its end. */
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  /** PEM. */
  readonly ca?: string | undefined
}

/** Milliseconds by which a token is renewed before it runs out. */
const EARLY = 60_000

/**
 * A token of the instance by client credentials, got when it is needed and kept while it is good:
 * https://www.servicenow.com/docs/r/platform-security/authentication/client-credentials-grant-workflow.html.
 */
export function createToken(
  { url, clientId, clientSecret, ca }: TokenSettings,
  now: () => number = Date.now,
): RenewedAuthorization & { end(): Promise<void> } {
  const caller = createCaller({ url, headers: {}, ca })
  let known: Promise<{ readonly header: string; readonly until: number }> | undefined

  async function ask() {
    const { json } = await caller.call({
      ...{ method: 'POST', path: '/oauth_token.do' },
      form: { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
    })
    const token = mustText(json, 'access_token')
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('its answer has no access_token')
    const seconds = Number(at(json, 'expires_in'))
    const life = Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : 0
    return { header: `Bearer ${token}`, until: now() + life - EARLY }
  }

  return {
    async header() {
      const before = await known?.catch(() => undefined)
      if (before !== undefined && now() < before.until) return before.header
      const asked = ask()
      known = asked
      return (await asked).header
    },
    refused() {
      known = undefined
    },
    end: () => caller.end(),
  }
}
