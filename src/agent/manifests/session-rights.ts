import { API_GROUP } from '../../brand.ts'
import { SESSION_ACCOUNT, SESSIONS_NAMESPACE } from '../names.ts'
import { impersonateOn } from './impersonate-on.ts'
import { CONSTRAINED_IMPERSONATION, type ManifestInput } from './input.ts'
import { granted, type Manifest, type PolicyRule, roleName, type Subject } from './manifest.ts'

const AUTHENTICATION = 'authentication.k8s.io'
const extras = ['session', 'principal'].map(key => `userextras/${API_GROUP}/${key}`)

/** What the session credential needs, and nothing more: of objects it reads APIServices, and no others. */
export function sessionRights(input: ManifestInput): Manifest[] {
  const subject: Subject = { name: SESSION_ACCOUNT, namespace: input.namespace }
  if (input.upstreamIdentity === 'serviceaccount')
    return [...serviceAccountRights(subject), ...readingGroups(subject)]
  const constrained = input.minor >= CONSTRAINED_IMPERSONATION
  const verb = constrained ? 'impersonate:user-info' : 'impersonate'
  // The older verb is checked in the core group, the constrained one in authentication.k8s.io.
  const apiGroups = [constrained ? AUTHENTICATION : '']
  const rules: PolicyRule[] = [
    {
      apiGroups,
      resources: ['users'],
      ...(input.users === undefined ? {} : { resourceNames: input.users }),
      verbs: [verb],
    },
  ]
  if (input.groups === undefined || input.groups.length > 0) {
    const named = input.groups === undefined ? {} : { resourceNames: input.groups }
    rules.push({ apiGroups, resources: ['groups'], ...named, verbs: [verb] })
  }
  rules.push({ apiGroups: [AUTHENTICATION], resources: extras, verbs: [verb] })
  const manifests = granted(
    roleName(subject, 'session'),
    undefined,
    rules,
    subject,
    aboutImpersonation(input),
  )
  if (constrained) manifests.push(...impersonateOn(input.ceiling, subject))
  return [...manifests, ...serviceAccounts(input, subject, constrained), ...readingGroups(subject)]
}

/** A dry run is asked for only where kube-apiserver itself serves the group; an APIService says who does. */
function readingGroups(subject: Subject): Manifest[] {
  const rules = [{ apiGroups: ['apiregistration.k8s.io'], resources: ['apiservices'], verbs: ['get'] }]
  return granted(roleName(subject, 'session-apiservices'), undefined, rules, subject, [
    'Who serves a group: dry runs for policy and approvals go only to groups that the API server serves itself.',
    'Without this right what would come of a patch is not known where a group is not built in, and counts against it.',
  ])
}

function aboutImpersonation(input: ManifestInput): string[] {
  const comment = ['What the session credential may do: impersonate.']
  if (input.users === undefined) {
    comment.push(
      'RBAC knows no prefixes, so user names are not limited here: who steals this token can also be',
      'system:kube-controller-manager and users like it. A stolen gateway cannot: the agent refuses every user without',
      'our prefix. Close it with `users` in the agent configuration, or with upstreamIdentity serviceaccount.',
    )
  }
  if (input.groups === undefined) {
    comment.push(
      'No document and no agent configuration lists groups, so all can be impersonated, also system:masters before',
      'Kubernetes 1.36. Give a Connection document with groupMappings, or `groups` in the agent configuration.',
    )
  }
  if (input.minor < CONSTRAINED_IMPERSONATION) {
    comment.push(
      'Kubernetes 1.36 and later constrain impersonation further: render again with --server-version 1.36.',
    )
  }
  return comment
}

/**
 * Under their own names, for callers that are service accounts of this cluster. With extras a service account is
 * impersonated by the older verb also where the constrained one exists (KEP-5284 takes names only).
 */
function serviceAccounts(input: ManifestInput, subject: Subject, constrained: boolean): Manifest[] {
  const { serviceAccounts: served } = input
  const name = roleName(subject, 'session-accounts')
  if (served === false) return []
  const rules: PolicyRule[] = [
    { apiGroups: [AUTHENTICATION], resources: ['tokenreviews'], verbs: ['create'] },
    ...(constrained ? [{ apiGroups: [AUTHENTICATION], resources: extras, verbs: ['impersonate'] }] : []),
  ]
  const impersonate = { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['impersonate'] }
  if (served === true) {
    return granted(name, undefined, [...rules, impersonate], subject, [
      'Callers that are service accounts of this cluster keep their own names. All of them, also those of kube-system,',
      'which hold every right: list namespaces in serviceAccounts of the agent configuration to limit a stolen token.',
    ])
  }
  const manifests = granted(name, undefined, rules, subject, [
    'Callers that are service accounts of this cluster: their tokens are reviewed.',
  ])
  for (const namespace of [...new Set(served.map(one => one.split('/')[0]!))].sort()) {
    const names = served.filter(one => one.startsWith(`${namespace}/`)).map(one => one.split('/')[1]!)
    const named = names.includes('*') ? {} : { resourceNames: [...new Set(names)].sort() }
    manifests.push(
      ...granted(name, namespace, [{ ...impersonate, ...named }], subject, [
        `Their own names, in namespace ${namespace}.`,
      ]),
    )
  }
  return manifests
}

function serviceAccountRights(subject: Subject): Manifest[] {
  const rules: PolicyRule[] = [
    {
      apiGroups: [''],
      resources: ['serviceaccounts'],
      verbs: ['create', 'get', 'list', 'patch', 'delete'],
    },
    { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
  ]
  return granted(roleName(subject, 'session'), SESSIONS_NAMESPACE, rules, subject, [
    'What the session credential may do: service accounts of sessions, in their own namespace. It impersonates nobody.',
    `What sessions may do is yours to say: bind roles to the group system:serviceaccounts:${SESSIONS_NAMESPACE}.`,
  ])
}
