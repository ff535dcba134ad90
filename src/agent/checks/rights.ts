import type { ApiClient } from '../upstream/api-client.ts'

/** A question in RBAC's words. */
export interface Right {
  readonly verb: string
  readonly group?: string
  /** `pods`, `userextras/KEY`. */
  readonly resource: string
  readonly name?: string
  readonly namespace?: string
}

/** Whether the credential itself holds a right (SelfSubjectAccessReview). Rejects when nobody can say. */
export async function holds(client: ApiClient, right: Right): Promise<boolean> {
  const slash = right.resource.indexOf('/')
  const resourceAttributes = {
    verb: right.verb,
    group: right.group ?? '',
    resource: slash < 0 ? right.resource : right.resource.slice(0, slash),
    ...(slash < 0 ? {} : { subresource: right.resource.slice(slash + 1) }),
    ...(right.name === undefined ? {} : { name: right.name }),
    ...(right.namespace === undefined ? {} : { namespace: right.namespace }),
  }
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  }
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const answer = await client.call('POST', path, { body })
  const allowed = (answer.body as { status?: { allowed?: unknown } } | undefined)?.status?.allowed
  if (answer.status !== 201 || typeof allowed !== 'boolean') {
    throw new Error(`the cluster does not say what its callers may do: ${answer.status} ${answer.message}`)
  }
  return allowed
}

/** The user name that the cluster sees (SelfSubjectReview, 1.28); undefined where it cannot say. */
export async function whoAmI(
  client: ApiClient,
  headers: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const answer = await client.call('POST', path, { body, headers })
  const info = (answer.body as { status?: { userInfo?: { username?: unknown } } } | undefined)?.status
  const username = info?.userInfo?.username
  return answer.status === 201 && typeof username === 'string' ? username : undefined
}

/** `v1.36.3` and its numbers. */
export async function readVersion(
  client: ApiClient,
): Promise<{ text: string; major: number; minor: number } | undefined> {
  const answer = await client.call('GET', '/version')
  const text = (answer.body as { gitVersion?: unknown } | undefined)?.gitVersion
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(typeof text === 'string' ? text : '') ?? []
  if (typeof text !== 'string' || major === undefined) return undefined
  return { text, major: Number(major), minor: Number(minor) }
}
