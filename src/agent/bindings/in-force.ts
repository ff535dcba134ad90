import { UPSTREAM_PREFIX } from '../../brand.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { UpstreamCredential } from '../credentials/credential.ts'
import { fixedCredential } from '../credentials/credential.ts'
import { type ApiClient, type MadeRequest, openApiClient } from '../upstream/api-client.ts'
import { all } from './all.ts'
import type { ReviewSpec } from './probes.ts'

/** Milliseconds for the API server to see new bindings. Its cache needs some; a broken watch of it needs for ever. */
const PATIENCE = 5_000
const LONGEST_PAUSE = 100
const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'

export type Note = (request: MadeRequest) => void

/** Asks the API server as a session. */
export interface SessionAsker {
  may(session: string, spec: ReviewSpec, made: Note): Promise<boolean>
  close(): Promise<void>
}

/** Mode `session`: under the agent's credential, as the user that the session is. */
export function askAsUser(credential: UpstreamCredential): SessionAsker {
  const client = openApiClient(credential)
  return {
    may: (session, spec, made) =>
      review(client, spec, { 'impersonate-user': `${UPSTREAM_PREFIX}s:${session}` }, made),
    close: () => client.close(),
  }
}

/** Mode `serviceaccount`: with the token of the session's own account. */
export function askWithToken(
  target: UpstreamCredential['target'],
  credentialOf: (session: string) => UpstreamCredential,
): SessionAsker {
  const client = openApiClient(fixedCredential(target, 'reviews of sessions', { authorization: '' }))
  return {
    async may(session, spec, made) {
      const credential = credentialOf(session)
      const material = credential.current(Date.now()) ?? (await credential.refresh())
      return review(client, spec, { authorization: material.authorization }, made)
    },
    close: () => client.close(),
  }
}

/** Asked as the subject itself, on the way that its requests take: no right to ask about others is needed. */
async function review(
  client: ApiClient,
  spec: ReviewSpec,
  headers: Readonly<Record<string, string>>,
  made: Note,
): Promise<boolean> {
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec }
  const answer = await client.call('POST', REVIEWS, { body, headers, made })
  const allowed = (answer.body as { status?: { allowed?: unknown } } | undefined)?.status?.allowed
  if (answer.status !== 201 || typeof allowed !== 'boolean') {
    throw new Refusal('upstream-unreachable', {
      check: 'agent/binding-review',
      detail: `the API server does not say what the session may do: ${answer.status} ${answer.message}`,
    })
  }
  return allowed
}

/** Resolves when every right is there; false when one of them did not come in time. */
export async function comesIntoForce(
  asker: SessionAsker,
  session: string,
  probes: readonly ReviewSpec[],
  made: Note,
  patience = PATIENCE,
): Promise<boolean> {
  const deadline = Date.now() + patience
  let open = probes
  let pause = 2
  for (;;) {
    const given = await all(open.map(spec => asker.may(session, spec, made)))
    open = open.filter((_, i) => given[i] !== true)
    if (open.length === 0) return true
    if (Date.now() >= deadline) return false
    await new Promise(resolve => setTimeout(resolve, pause))
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }
}
