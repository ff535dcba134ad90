import type { ServiceAccountFacts } from '../principal.ts'
import { invalidCredential } from '../refuse.ts'

/** `status` of a TokenReview (authentication.k8s.io/v1), as the API server sent it: nothing of it is taken on trust. */
export interface TokenReviewStatus {
  readonly authenticated?: boolean
  readonly user?: {
    readonly username?: string
    readonly uid?: string
    readonly groups?: readonly string[]
    readonly extra?: Readonly<Record<string, readonly string[]>>
  }
  readonly audiences?: readonly string[]
  readonly error?: string
}

/**
 * Asks the API server of a connection, through its agent. Rejects with a Refusal when nobody can be asked; an
 * answer of any kind is returned.
 */
export type ReviewToken = (
  connection: string,
  token: string,
  audiences: readonly string[],
) => Promise<TokenReviewStatus>

/** Namespace: DNS label. Name: DNS subdomain (apimachinery validation, RFC 1123). */
const NAME =
  /^system:serviceaccount:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?):([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/

/** Facts of a positive review. Throws `credential-invalid` for anything but a clear yes about a service account. */
export function factsOf(status: TokenReviewStatus, connection: string): ServiceAccountFacts {
  if (status?.authenticated !== true) {
    throw invalidCredential('token-review', 'the cluster does not accept this token')
  }
  const match = NAME.exec(status.user?.username ?? '')
  if (match?.[1] === undefined || match[2] === undefined) {
    throw invalidCredential('token-review-name', 'the token belongs to no service account of the cluster')
  }
  const extra = status.user?.extra
  const podName = only(extra, 'authentication.kubernetes.io/pod-name')
  const podUid = only(extra, 'authentication.kubernetes.io/pod-uid')
  const node = only(extra, 'authentication.kubernetes.io/node-name')
  const uid = status.user?.uid
  return {
    connection,
    namespace: match[1],
    name: match[2],
    ...(typeof uid === 'string' && uid !== '' ? { uid } : {}),
    ...(podName === undefined
      ? {}
      : { pod: { name: podName, ...(podUid === undefined ? {} : { uid: podUid }) } }),
    ...(node === undefined ? {} : { node }),
  }
}

function only(
  extra: Readonly<Record<string, readonly string[]>> | undefined,
  key: string,
): string | undefined {
  const values = extra !== undefined && extra !== null && Object.hasOwn(extra, key) ? extra[key] : undefined
  const value = Array.isArray(values) && values.length === 1 ? values[0] : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}
