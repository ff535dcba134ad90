import * as oidc from 'openid-client'
import { exitCodes, Failure } from '../frame/failure.ts'
import type { Provider } from './oidc.ts'

export interface Issuer {
  readonly configuration: oidc.Configuration
  readonly hasDeviceFlow: boolean
}

/** Reads the issuer's own description. Plain HTTP is for issuers on this very machine only. */
export async function discoverIssuer(provider: Provider): Promise<Issuer> {
  const url = new URL(provider.issuer)
  const local = url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  try {
    const configuration = await oidc.discovery(url, provider.clientId, undefined, oidc.None(), {
      timeout: 15,
      ...(local ? { execute: [oidc.allowInsecureRequests] } : {}),
      ...(provider.certificateAuthority === undefined
        ? {}
        : { [oidc.customFetch]: await fetchTrusting(provider.certificateAuthority) }),
    })
    return {
      configuration,
      hasDeviceFlow: configuration.serverMetadata().device_authorization_endpoint !== undefined,
    }
  } catch (error) {
    throw new Failure({
      exitCode: exitCodes.unreachable,
      what: `the issuer ${provider.issuer} cannot be used: ${reasonOf(error)}`,
      check: `identity provider ${provider.name}`,
    })
  }
}

export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? `${message} (${cause.message})` : message
}

async function fetchTrusting(ca: string): Promise<oidc.CustomFetch> {
  const { Agent, fetch } = await import('undici')
  const dispatcher = new Agent({ connect: { ca } })
  return ((url: string, options: object) =>
    fetch(url, { ...options, dispatcher })) as unknown as oidc.CustomFetch
}
