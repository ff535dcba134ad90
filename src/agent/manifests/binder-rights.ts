import { UPSTREAM_PREFIX } from '../../brand.ts'
import type { MayBind } from '../agent.ts'
import { BINDER_ACCOUNT, EXPIRES_AT, MANAGED_BY, SESSION_LABEL, SESSIONS_NAMESPACE } from '../names.ts'
import { ADMISSION_POLICIES, type ManifestInput } from './input.ts'
import { granted, type Manifest, object, type PolicyRule, RBAC, roleName, type Subject } from './manifest.ts'

/** No `update`, no `patch`, no `escalate`: a binding is made whole, or deleted. */
const WRITES = ['create', 'delete', 'get', 'list']

/** What the binder needs: bindings, and `bind` on the roles that it may hand out. */
export function binderRights(input: ManifestInput, mayBind: MayBind): Manifest[] {
  const subject: Subject = { name: BINDER_ACCOUNT, namespace: input.namespace }
  const name = roleName(subject, 'binder')
  const { clusterRoles = [], roles = [], namespaces } = mayBind
  const bindClusterRoles: PolicyRule[] =
    clusterRoles.length === 0
      ? []
      : [
          {
            apiGroups: [RBAC],
            resources: ['clusterroles'],
            resourceNames: [...clusterRoles].sort(),
            verbs: ['bind'],
          },
        ]
  const bindings = (...resources: string[]): PolicyRule => ({ apiGroups: [RBAC], resources, verbs: WRITES })
  const manifests: Manifest[] = []
  const comment = ['What the binder may do: bindings to these roles. It impersonates nobody.']
  const everywhere = namespaces === undefined && clusterRoles.length > 0
  if (everywhere) {
    const rules = [bindings('rolebindings', 'clusterrolebindings'), ...bindClusterRoles]
    manifests.push(...granted(name, undefined, rules, subject, comment))
  }
  const places = new Set([...(namespaces ?? []), ...roles.map(role => role.namespace)])
  for (const namespace of [...places].sort()) {
    if (namespaces !== undefined && !namespaces.includes(namespace)) {
      throw new Error(`mayBind names a role in ${namespace}, which is not among its namespaces`)
    }
    const names = roles.filter(role => role.namespace === namespace).map(role => role.name)
    const rules = [
      ...(everywhere ? [] : [bindings('rolebindings'), ...bindClusterRoles]),
      ...(names.length === 0
        ? []
        : [{ apiGroups: [RBAC], resources: ['roles'], resourceNames: names.sort(), verbs: ['bind'] }]),
    ]
    manifests.push(...granted(name, namespace, rules, subject, everywhere ? [] : comment))
  }
  if (input.minor >= ADMISSION_POLICIES) manifests.push(...admissionPolicy(input, mayBind))
  return manifests
}

/** RBAC knows roles but not subjects, labels or times: this does. */
function admissionPolicy(input: ManifestInput, mayBind: MayBind): Manifest[] {
  const user = `system:serviceaccount:${input.namespace}:${BINDER_ACCOUNT}`
  const quoted = (names: readonly string[]): string => `[${names.map(name => `'${name}'`).join(', ')}]`
  const roleRefs = [
    ...(mayBind.clusterRoles ?? []).map(name => `ClusterRole/${name}`),
    ...(mayBind.roles ?? []).map(role => `Role/${role.namespace}/${role.name}`),
  ].sort()
  const validations = [
    {
      expression: "request.operation != 'UPDATE'",
      message: 'the binder changes no binding: it makes a new one',
    },
    {
      expression: `variables.labels['${MANAGED_BY.label}'] == '${MANAGED_BY.value}' && variables.session.matches('^s-[a-z2-7]{26}$')`,
      message: `the binder touches only bindings with the labels ${MANAGED_BY.label}: ${MANAGED_BY.value} and ${SESSION_LABEL}`,
    },
    {
      expression: `request.operation != 'CREATE' || variables.expires > timestamp(object.metadata.creationTimestamp) && variables.expires - timestamp(object.metadata.creationTimestamp) <= duration('25h')`,
      message: `a binding needs the annotation ${EXPIRES_AT}, a time within 25 hours`,
    },
    {
      expression: `request.operation != 'CREATE' || object.subjects.size() == 1 && object.subjects.all(s, s.kind == 'User' && s.name == '${UPSTREAM_PREFIX}s:' + variables.session || s.kind == 'ServiceAccount' && s.namespace == '${SESSIONS_NAMESPACE}' && s.name == variables.session)`,
      message: `the only subject of a binding is its session: user ${UPSTREAM_PREFIX}s:<session>, or its service account`,
    },
    {
      expression: `request.operation != 'CREATE' || (object.roleRef.kind == 'Role' ? 'Role/' + object.metadata.namespace + '/' + object.roleRef.name : 'ClusterRole/' + object.roleRef.name) in ${quoted(roleRefs)}`,
      message: 'the binder binds only the roles that its manifests name',
    },
  ]
  const missing = `{'${MANAGED_BY.label}': '', '${SESSION_LABEL}': ''}`
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [RBAC],
          apiVersions: ['*'],
          operations: ['CREATE', 'UPDATE', 'DELETE'],
          resources: ['rolebindings', 'clusterrolebindings'],
        },
      ],
    },
    matchConditions: [{ name: 'binder', expression: `request.userInfo.username == '${user}'` }],
    variables: [
      { name: 'target', expression: "request.operation == 'DELETE' ? oldObject : object" },
      {
        name: 'labels',
        expression: `has(variables.target.metadata.labels) && '${MANAGED_BY.label}' in variables.target.metadata.labels && '${SESSION_LABEL}' in variables.target.metadata.labels ? variables.target.metadata.labels : ${missing}`,
      },
      { name: 'session', expression: `variables.labels['${SESSION_LABEL}']` },
      // An annotation that is missing or no time is an error, and an error refuses.
      { name: 'expires', expression: `timestamp(object.metadata.annotations['${EXPIRES_AT}'])` },
    ],
    validations,
  }
  const name = roleName({ namespace: input.namespace }, 'binder')
  const apiVersion = 'admissionregistration.k8s.io/v1'
  const comment = [
    'RBAC cannot say for whom a binding is, or until when. This refuses every write of the binder that is not a binding',
    'of one session, with an end. (Kubernetes 1.30.)',
  ]
  return [
    {
      comment,
      object: object(apiVersion, 'ValidatingAdmissionPolicy', name, undefined, { spec }),
    },
    {
      comment: [],
      object: object(apiVersion, 'ValidatingAdmissionPolicyBinding', name, undefined, {
        spec: { policyName: name, validationActions: ['Deny', 'Audit'] },
      }),
    },
  ]
}
