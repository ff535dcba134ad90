import type { MayBind } from '../agent.ts'
import { grantsOf } from '../bindings/grants.ts'
import { ADMISSION_REFUSAL } from '../names.ts'
import type { ApiClient } from '../upstream/api-client.ts'
import type { Finding } from './contract.ts'
import { holds, type Right } from './rights.ts'

const RBAC = 'rbac.authorization.k8s.io'

const tooMuch: readonly (Right & { readonly check: string; readonly text: string })[] = [
  { check: 'everything', verb: '*', group: '*', resource: '*', text: 'may do everything in the cluster' },
  {
    check: 'impersonation',
    verb: 'impersonate',
    resource: 'users',
    text: 'may impersonate users, which is the work of the session credential',
  },
  {
    check: 'impersonation',
    verb: 'impersonate:user-info',
    group: 'authentication.k8s.io',
    resource: 'users',
    text: 'may impersonate users, which is the work of the session credential',
  },
  {
    check: 'cluster-admin',
    verb: 'bind',
    group: RBAC,
    resource: 'clusterroles',
    name: 'cluster-admin',
    text: 'may bind cluster-admin',
  },
  { check: 'escalate', verb: 'escalate', group: RBAC, resource: 'clusterroles', text: 'may escalate' },
  {
    check: 'update',
    verb: 'update',
    group: RBAC,
    resource: 'clusterrolebindings',
    text: 'may change bindings',
  },
  { check: 'secrets', verb: 'get', resource: 'secrets', text: 'may read Secrets' },
  { check: 'pods', verb: 'create', resource: 'pods', text: 'may create Pods' },
]

/** Asks the cluster what the binder may do, and tries (as a dry run) what the admission policy must refuse. */
export async function checkBinder(
  client: ApiClient,
  mayBind: MayBind,
  minor: number | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const right of tooMuch) {
    if (!(await holds(client, right))) continue
    const text = `the binder ${right.text}`
    findings.push({ check: `binder/${right.check}`, level: 'danger', text, advice })
    if (right.check === 'everything') return findings
  }
  if (findings.length === 0) {
    const text = 'the binder can bind no cluster-admin, change no binding, escalate and impersonate nothing'
    findings.push({ check: 'binder/own-rights', level: 'ok', text })
  }
  findings.push(await tryUnlabelled(client, mayBind, minor))
  return findings
}

const advice = 'give the binder the service account of: sallyport agent manifests'

/** A binding without our label, to a role that the binder may bind; nothing is kept of it (`dryRun=All`). */
async function tryUnlabelled(
  client: ApiClient,
  mayBind: MayBind,
  minor: number | undefined,
): Promise<Finding> {
  const check = 'binder/admission-policy'
  const [grant] = grantsOf(mayBind)
  const namespace = grant?.namespaces?.[0]
  const binding = {
    apiVersion: `${RBAC}/v1`,
    kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: { name: 'sallyport-check' },
    roleRef: { apiGroup: RBAC, kind: grant?.kind, name: grant?.name },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: 'sallyport:check' }],
  }
  const resource = namespace === undefined ? 'clusterrolebindings' : `namespaces/${namespace}/rolebindings`
  const answer = await client.call('POST', `/apis/${RBAC}/v1/${resource}?dryRun=All`, { body: binding })
  if (answer.status >= 400 && answer.message.includes(ADMISSION_REFUSAL)) {
    return { check, level: 'ok', text: 'the admission policy refuses bindings without our label' }
  }
  if (minor !== undefined && minor < 30) {
    return {
      check,
      level: 'note',
      text: 'this cluster has no ValidatingAdmissionPolicy (Kubernetes 1.30 has)',
    }
  }
  if (answer.status >= 400) {
    const text = `the binder cannot bind a role that it should be able to: ${answer.status} ${answer.message}`
    return { check, level: 'danger', text, advice }
  }
  return {
    check,
    level: 'warning',
    text: 'no admission policy refuses bindings without our label',
    advice: 'apply the output of: sallyport agent manifests',
  }
}
