import { Agent, request } from 'undici'
import type { UpstreamCredential } from '../agent/credentials/credential.ts'
import { API_GROUP, UPSTREAM_PREFIX } from '../brand.ts'

/** Group of the local administrator, as policy sees it and as the cluster sees it. */
export const LOCAL_ADMIN_GROUP = 'local:admins'
export const UPSTREAM_ADMIN_GROUP = `${UPSTREAM_PREFIX}admins`

const NAME = 'sallyport-local-admins'

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
 * kubeconfig's own credential, which must hold these rights itself: RBAC refuses it otherwise.
 */
export async function ensureLocalAdmins(credential: UpstreamCredential): Promise<BindingOutcome> {
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
  const base = `${target.origin}${target.basePath}/apis/rbac.authorization.k8s.io/v1/clusterrolebindings`
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': 'sallyport-up',
    ...(material.authorization === '' ? {} : { authorization: material.authorization }),
  }
  try {
    const made = await request(base, {
      method: 'POST',
      headers,
      body: JSON.stringify(localAdminBinding),
      dispatcher,
      headersTimeout: 10_000,
    })
    const answer = (await made.body.json()) as { message?: string }
    if (made.statusCode === 201) return { state: 'created' }
    if (made.statusCode === 409) return await checkPresent(base, headers, dispatcher)
    return { state: 'refused', detail: `${made.statusCode} ${String(answer.message ?? '').slice(0, 300)}` }
  } finally {
    await dispatcher.close()
  }
}

/** An object of that name which gives something else is not ours to change. */
async function checkPresent(
  base: string,
  headers: Record<string, string>,
  dispatcher: Agent,
): Promise<BindingOutcome> {
  const got = await request(`${base}/${NAME}`, { headers, dispatcher, headersTimeout: 10_000 })
  const found = (await got.body.json()) as { roleRef?: { name?: string }; subjects?: { name?: string }[] }
  const same =
    found.roleRef?.name === localAdminBinding.roleRef.name &&
    found.subjects?.length === 1 &&
    found.subjects[0]?.name === UPSTREAM_ADMIN_GROUP
  if (same) return { state: 'present' }
  return { state: 'refused', detail: `a ClusterRoleBinding named ${NAME} is there and binds something else` }
}
