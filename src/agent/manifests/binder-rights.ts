import { UPSTREAM_PREFIX } from '../../brand.ts'
import type { MayBind } from '../agent.ts'
import { type Grant, grantsOf, isEverywhere, namedNamespaces } from '../bindings/grants.ts'
import { BINDER_ACCOUNT, EXPIRES_AT, MANAGED_BY, SESSION_LABEL, SESSIONS_NAMESPACE } from '../names.ts'
import { ADMISSION_POLICIES, type ManifestInput } from './input.ts'
import { granted, type Manifest, object, type PolicyRule, RBAC, roleName, type Subject } from './manifest.ts'

/** No `update`, no `patch`, no `escalate`: a binding is made whole, or deleted. */
const WRITES = ['create', 'delete', 'get', 'list']

/** What the binder needs: bindings, `bind` on the roles that it may hand out, and to read those. */
export function binderRights(input: ManifestInput, mayBind: MayBind): Manifest[] {
  const subject: Subject = { name: BINDER_ACCOUNT, namespace: input.namespace }
  const name = roleName(subject, 'binder')
  const grants = grantsOf(mayBind)
  const manifests: Manifest[] = []
  const comment = [
    'What the binder may do: bindings to these roles, and reading them. It impersonates nobody.',
  ]
  const namesOf = (kind: Grant['kind'], there: (grant: Grant) => boolean): string[] => [
    ...new Set(grants.filter(grant => grant.kind === kind && there(grant)).map(grant => grant.name)),
  ]
  const everywhere = namesOf('ClusterRole', grant => grant.namespaces === undefined)
  const readable = namesOf('ClusterRole', () => true)
  const wide = isEverywhere(grants)
  const clusterRules = [
    ...(wide ? [bindings('rolebindings', 'clusterrolebindings')] : []),
    // It reads them because one has to know what a binding gives to ask whether it is in force.
    ...may(['bind', 'get'], 'clusterroles', everywhere),
    ...may(
      ['get'],
      'clusterroles',
      readable.filter(role => !everywhere.includes(role)),
    ),
  ]
  if (clusterRules.length > 0) manifests.push(...granted(name, undefined, clusterRules, subject, comment))
  for (const namespace of namedNamespaces(grants)) {
    const here = (grant: Grant): boolean => grant.namespaces?.includes(namespace) === true
    const roles = namesOf('Role', here)
    const rules = [
      ...(wide ? [] : [bindings('rolebindings')]),
      ...may(['bind'], 'clusterroles', namesOf('ClusterRole', here)),
      ...may(['bind', 'get'], 'roles', roles),
    ]
    manifests.push(...granted(name, namespace, rules, subject, manifests.length > 0 ? [] : comment))
  }
  if (input.minor >= ADMISSION_POLICIES) manifests.push(...admissionPolicy(input, grants))
  return manifests
}

function bindings(...resources: string[]): PolicyRule {
  return { apiGroups: [RBAC], resources, verbs: WRITES }
}

function may(verbs: readonly string[], resource: string, names: readonly string[]): PolicyRule[] {
  if (names.length === 0) return []
  return [{ apiGroups: [RBAC], resources: [resource], resourceNames: [...names].sort(), verbs }]
}

/** RBAC knows roles but not subjects, labels or times: this does. */
function admissionPolicy(input: ManifestInput, grants: readonly Grant[]): Manifest[] {
  const user = `system:serviceaccount:${input.namespace}:${BINDER_ACCOUNT}`
  const quoted = (names: readonly string[]): string => `[${names.map(name => `'${name}'`).join(', ')}]`
  const everywhere = grants.filter(one => one.namespaces === undefined).map(one => `${one.kind}/${one.name}`)
  const somewhere = grants.flatMap(one =>
    (one.namespaces ?? []).map(namespace => `${namespace}/${one.kind}/${one.name}`),
  )
  const role = "object.roleRef.kind + '/' + object.roleRef.name"
  // A binding of the whole cluster has no namespace, and begins with a slash here: nothing in the list does.
  const place = "(has(object.metadata.namespace) ? object.metadata.namespace : '')"
  const listed = [
    ...(everywhere.length === 0 ? [] : [`${role} in ${quoted([...new Set(everywhere)].sort())}`]),
    ...(somewhere.length === 0
      ? []
      : [`${place} + '/' + ${role} in ${quoted([...new Set(somewhere)].sort())}`]),
  ].join(' || ')
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
      expression: `request.operation != 'CREATE' || variables.expires > timestamp(object.metadata.creationTimestamp) && variables.expires - timestamp(object.metadata.creationTimestamp) <= duration('20m')`,
      message: `a binding needs the annotation ${EXPIRES_AT}, a time within 20 minutes`,
    },
    {
      expression: `request.operation != 'CREATE' || object.subjects.size() == 1 && object.subjects.all(s, s.kind == 'User' && s.name == '${UPSTREAM_PREFIX}s:' + variables.session || s.kind == 'ServiceAccount' && s.namespace == '${SESSIONS_NAMESPACE}' && s.name == variables.session)`,
      message: `the only subject of a binding is its session: user ${UPSTREAM_PREFIX}s:<session>, or its service account`,
    },
    {
      expression: `request.operation != 'CREATE' || ${listed}`,
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
