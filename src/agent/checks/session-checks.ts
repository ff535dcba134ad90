import { API_GROUP, UPSTREAM_PREFIX } from '../../brand.ts'
import type { AgentConnection } from '../agent.ts'
import { SESSIONS_NAMESPACE } from '../names.ts'
import type { ApiClient } from '../upstream/api-client.ts'
import type { Finding } from './contract.ts'
import { holds, type Right, whoAmI } from './rights.ts'

/** What a credential that carries callers must not be able to do under its own name. */
const tooMuch: readonly (Right & { readonly check: string; readonly text: string })[] = [
  { check: 'everything', verb: '*', group: '*', resource: '*', text: 'may do everything in the cluster' },
  { check: 'secrets', verb: 'get', resource: 'secrets', text: 'may read every Secret by itself' },
  {
    check: 'bindings',
    verb: 'create',
    group: 'rbac.authorization.k8s.io',
    resource: 'clusterrolebindings',
    text: 'may create ClusterRoleBindings, which is the work of the binder',
  },
  {
    check: 'escalate',
    verb: 'escalate',
    group: 'rbac.authorization.k8s.io',
    resource: 'clusterroles',
    text: 'may escalate: write roles with rights that it does not hold',
  },
  {
    check: 'tokens',
    verb: 'create',
    resource: 'serviceaccounts/token',
    namespace: 'kube-system',
    text: 'may ask for tokens of the service accounts in kube-system',
  },
  { check: 'node-proxy', verb: 'get', resource: 'nodes/proxy', text: 'may reach the kubelet of every node' },
  {
    check: 'system-masters',
    verb: 'impersonate',
    resource: 'groups',
    name: 'system:masters',
    text: 'may impersonate the group system:masters, which no RBAC limits',
  },
  {
    check: 'kube-system',
    verb: 'impersonate',
    resource: 'serviceaccounts',
    name: 'clusterrole-aggregation-controller',
    namespace: 'kube-system',
    text: 'may impersonate the service accounts of kube-system',
  },
]

const readsGroups: Right = { verb: 'get', group: 'apiregistration.k8s.io', resource: 'apiservices' }
const TRIED_USER = `${UPSTREAM_PREFIX}check`

/** Asks the cluster what the session credential may do, and says what is too much and what is missing. */
export async function checkSession(
  client: ApiClient,
  connection: AgentConnection,
  minor: number | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const right of tooMuch) {
    if (!(await holds(client, right))) continue
    findings.push({
      check: `session/${right.check}`,
      level: 'danger',
      text: `the session credential ${right.text}`,
      advice: 'give the agent the service accounts of: sallyport agent manifests',
    })
    // Whoever may do everything may do the rest as well: one finding says it.
    if (right.check === 'everything') return findings
  }
  if (findings.length === 0) {
    findings.push({
      check: 'session/own-rights',
      level: 'ok',
      text: 'the session credential can read no Secret, bind no role and escalate nothing by itself',
    })
  }
  if (!(await holds(client, readsGroups))) {
    findings.push({
      check: 'session/apiservices',
      level: 'note',
      text: 'the session credential cannot read who serves a group: patches of custom resources are judged as what cannot be seen',
      advice: applyManifests,
    })
  }
  if (connection.upstreamIdentity === 'serviceaccount') {
    return [...findings, ...(await checkServiceAccounts(client))]
  }
  return [...findings, ...(await checkImpersonation(client, connection, minor))]
}

async function checkServiceAccounts(client: ApiClient): Promise<Finding[]> {
  const needs: readonly Right[] = [
    { verb: 'create', resource: 'serviceaccounts', namespace: SESSIONS_NAMESPACE },
    { verb: 'delete', resource: 'serviceaccounts', namespace: SESSIONS_NAMESPACE },
    { verb: 'create', resource: 'serviceaccounts/token', namespace: SESSIONS_NAMESPACE },
  ]
  for (const right of needs) {
    if (await holds(client, right)) continue
    const text = `the session credential may not ${right.verb} ${right.resource} in ${SESSIONS_NAMESPACE}`
    return [{ check: 'session/service-accounts', level: 'danger', text, advice: applyManifests }]
  }
  const impersonates = await holds(client, { verb: 'impersonate', resource: 'users', name: TRIED_USER })
  return [
    impersonates
      ? {
          check: 'session/impersonation',
          level: 'warning',
          text: 'the session credential may impersonate users, which upstreamIdentity serviceaccount does not need',
          advice: 'remove its right to impersonate',
        }
      : {
          check: 'session/impersonation',
          level: 'ok',
          text: 'the session credential can impersonate nobody',
        },
  ]
}

const applyManifests = 'apply the output of: sallyport agent manifests'

async function checkImpersonation(
  client: ApiClient,
  connection: AgentConnection,
  minor: number | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const user = connection.users?.[0] ?? TRIED_USER
  const seen = await whoAmI(client, {
    'impersonate-user': user,
    [`impersonate-extra-${API_GROUP}%2fsession`]: 'check',
  })
  if (seen !== user) {
    findings.push({
      check: 'session/impersonation',
      level: 'danger',
      text: `the session credential cannot impersonate ${user}: no call of a session will work`,
      advice: applyManifests,
    })
  }
  for (const group of connection.groups ?? []) {
    const legacy = await holds(client, { verb: 'impersonate', resource: 'groups', name: group })
    if (legacy || (await holds(client, { ...constrained, resource: 'groups', name: group }))) continue
    findings.push({
      check: 'session/groups',
      level: 'danger',
      text: `the session credential cannot impersonate the group ${group}`,
      advice: applyManifests,
    })
  }
  findings.push(await checkConstrained(client, minor))
  findings.push(await checkUserNames(client))
  return findings
}

const constrained = { verb: 'impersonate:user-info', group: 'authentication.k8s.io' } as const

/** KEP-5284: beta, on by default, from 1.36. */
async function checkConstrained(client: ApiClient, minor: number | undefined): Promise<Finding> {
  const check = 'session/constrained-impersonation'
  const legacy = await holds(client, { verb: 'impersonate', resource: 'users', name: TRIED_USER })
  if (!legacy) {
    return {
      check,
      level: 'ok',
      text: 'impersonation is constrained: by verbs and resources too, never system:masters, never a node',
    }
  }
  if (minor !== undefined && minor >= 36) {
    return {
      check,
      level: 'warning',
      text: 'the credential still holds the unconstrained right to impersonate users',
      advice:
        'this cluster can constrain it: apply the output of: sallyport agent manifests --server-version 1.36',
    }
  }
  return {
    check,
    level: 'note',
    text: 'this cluster cannot constrain impersonation (Kubernetes 1.36 can)',
    advice:
      'a ceiling of the agent, and upstreamIdentity serviceaccount, make a stolen credential worth less',
  }
}

async function checkUserNames(client: ApiClient): Promise<Finding> {
  const name = 'system:kube-controller-manager'
  const reachable =
    (await holds(client, { verb: 'impersonate', resource: 'users', name })) ||
    (await holds(client, { ...constrained, resource: 'users', name }))
  const check = 'session/user-names'
  if (!reachable) return { check, level: 'ok', text: 'the credential impersonates listed user names only' }
  return {
    check,
    level: 'warning',
    text: `RBAC has no prefixes: the stolen credential (not a stolen gateway) could impersonate ${name}`,
    advice: 'list users in the agent configuration, or use upstreamIdentity serviceaccount',
  }
}
