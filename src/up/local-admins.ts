import { Agent, request } from 'undici'
import type { UpstreamCredential } from '../agent/credentials/credential.ts'
import { API_GROUP, UPSTREAM_PREFIX } from '../brand.ts'
import type { OwnCalls } from '../gateway/own-calls.ts'

/** Group of the local administrator, as policy sees it and as the cluster sees it. */
export const LOCAL_ADMIN_GROUP = 'local:admins'
export const UPSTREAM_ADMIN_GROUP = `${UPSTREAM_PREFIX}admins`

const NAME = 'sallyport-local-admins'
const PATH = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'

export const localAdminBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: {
    name: NAME,
    labels: { 'app.kubernetes.io/managed-by': 'sallyport', [`${API_GROUP}/purpose`]: 'local-admins' },
  },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: UPSTREAM_ADMIN_GROUP }],
}

export type BindingOutcome =
  | { readonly state: 'created' | 'present' }
  | { readonly state: 'refused'; readonly detail: string }

/**
 * The one object that `up` puts on a cluster: whoever signs in at this gateway as its local administrator gets the
 * rights of cluster-admin under a name of our own, because no gateway may impersonate `system:masters`. Made with the
 * kubeconfig's own credential, which must hold these rights itself: RBAC refuses it otherwise. Recorded before it is made.
 */
export async function ensureLocalAdmins(
  credential: UpstreamCredential,
  connection: string,
  ownCalls: Pick<OwnCalls, 'read' | 'change'>,
): Promise<BindingOutcome> {
  const { target } = credential
  const material = credential.current(Date.now()) ?? (await credential.refresh())
  const dispatcher = new Agent({
    allowH2: false,
    connect: {
      ...(target.certificateAuthority === undefined ? {} : { ca: target.certificateAuthority }),
      ...(target.serverName === undefined ? {} : { servername: target.serverName }),
      ...(target.insecure ? { rejectUnauthorized: false } : {}),
      ...(material.certificate === undefined
        ? {}
        : { cert: material.certificate.certificate, key: material.certificate.key }),
    },
  })
  const upstream = `${target.origin}${target.basePath}`
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': 'sallyport-up',
    ...(material.authorization === '' ? {} : { authorization: material.authorization }),
  }
  const call = { connection, purpose: 'local-admins' }
  let answer: unknown
  const send = async (method: 'GET' | 'POST', path: string, auditId: string): Promise<number> => {
    const { statusCode, body } = await request(`${upstream}${path}`, {
      method,
      headers: { ...headers, 'audit-id': auditId },
      ...(method === 'POST' ? { body: JSON.stringify(localAdminBinding) } : {}),
      dispatcher,
      headersTimeout: 10_000,
    })
    answer = await body.json()
    return statusCode
  }
  try {
    const status = await ownCalls.change({ ...call, method: 'POST', target: PATH }, id =>
      send('POST', PATH, id),
    )
    if (status === 201) return { state: 'created' }
    if (status !== 409) return { state: 'refused', detail: `${status} ${messageOf(answer)}` }
    const own = `${PATH}/${NAME}`
    await ownCalls.read({ ...call, method: 'GET', target: own }, id => send('GET', own, id))
    return isOurs(answer)
      ? { state: 'present' }
      : { state: 'refused', detail: `a ClusterRoleBinding named ${NAME} is there and binds something else` }
  } finally {
    await dispatcher.close()
  }
}

function messageOf(answer: unknown): string {
  return String((answer as { message?: string } | null)?.message ?? '').slice(0, 300)
}

/** An object of that name which gives something else is not ours to change. */
function isOurs(found: unknown): boolean {
  const { roleRef, subjects } = found as { roleRef?: { name?: string }; subjects?: { name?: string }[] }
  return (
    roleRef?.name === localAdminBinding.roleRef.name &&
    subjects?.length === 1 &&
    subjects[0]?.name === UPSTREAM_ADMIN_GROUP
  )
}
