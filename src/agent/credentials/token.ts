import { readFile } from 'node:fs/promises'
import { Refusal } from '../../errors/refusal.ts'
import type { UpstreamTarget } from '../upstream/target.ts'
import { fetchedCredential, type UpstreamCredential } from './credential.ts'

/** RFC 6750 2.1: what may stand in a header without a second thought. */
const B64TOKEN = /^[A-Za-z0-9._~+/-]+=*$/
/** A mounted token is replaced by the kubelet; client-go looks once a minute as well. */
const LOOK_AGAIN = 60_000
const KEEP_UNREADABLE = 10 * 60_000

/** `Bearer …`. Throws an Error that does not quote the token. */
export function bearer(token: string): string {
  const trimmed = token.trim()
  if (!B64TOKEN.test(trimmed))
    throw new Error('the token is empty or has characters that no bearer token has')
  return `Bearer ${trimmed}`
}

/** A bearer token in a file that something else rotates (projected service-account token, `tokenFile`). */
export function tokenFileCredential(
  target: UpstreamTarget,
  path: string,
  clock: () => number = Date.now,
): UpstreamCredential {
  return fetchedCredential(target, `token file ${path}`, async () => {
    try {
      const authorization = bearer(await readFile(path, 'utf8'))
      const now = clock()
      return { material: { authorization }, staleAt: now + LOOK_AGAIN, expiresAt: now + KEEP_UNREADABLE }
    } catch (cause) {
      throw new Refusal('upstream-unreachable', {
        check: 'agent-credential',
        detail: "the agent's token file cannot be read",
        cause,
      })
    }
  })
}
