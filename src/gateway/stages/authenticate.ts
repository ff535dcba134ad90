import { Refusal } from '../../errors/refusal.ts'
import type { Principal } from '../../identity/principal.ts'
import { singleCredential } from '../../kubernetes/request/credential.ts'
import type { Authenticated, Received } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'

/** One credential in one place becomes a principal; the credential itself goes no further than this file. */
export async function authenticate(gateway: Gateway, x: Received): Promise<Authenticated> {
  const credential = singleCredential(x.caller.rawHeaders)
  if (credential.kind === 'none') throw new Refusal('credential-missing')
  if (credential.kind === 'ambiguous')
    throw new Refusal('credential-ambiguous', { detail: credential.detail })
  if (credential.kind === 'malformed') throw new Refusal('credential-invalid', { detail: credential.detail })
  const { token } = credential
  const principal = await gateway.authenticate(token, x.connectionName)
  x.progress.principal = principal
  const recheck = async (): Promise<Principal> => gateway.authenticate(token, x.connectionName)
  return Object.assign(x, { principal, recheck })
}
