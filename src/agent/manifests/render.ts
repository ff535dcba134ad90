import { stringify } from 'yaml'
import { BINDER_ACCOUNT, SESSION_ACCOUNT, SESSIONS_NAMESPACE } from '../names.ts'
import { binderRights } from './binder-rights.ts'
import { deployment } from './deployment.ts'
import { ADMISSION_POLICIES, type ManifestInput } from './input.ts'
import { type KubernetesObject, type Manifest, object } from './manifest.ts'
import { sessionRights } from './session-rights.ts'

/** Everything that an agent needs on a cluster, in the order in which it is applied. The same input, the same list. */
export function manifests(input: ManifestInput): Manifest[] {
  const { namespace, mayBind } = input
  const account = (name: string, comment: string): Manifest => ({
    comment: [comment],
    // Its token is asked for, or mounted, where it is needed; no pod gets it because it runs in this namespace.
    object: object('v1', 'ServiceAccount', name, namespace, { automountServiceAccountToken: false }),
  })
  return [
    { comment: ['The agent and its accounts.'], object: namespaceObject(namespace) },
    account(SESSION_ACCOUNT, 'Carries the calls of sessions.'),
    ...(mayBind === undefined ? [] : [account(BINDER_ACCOUNT, 'Makes and deletes just-in-time bindings.')]),
    ...(input.upstreamIdentity === 'serviceaccount'
      ? [
          {
            comment: [
              'Service accounts of sessions. A namespace of their own: who may ask for tokens in a namespace can become',
              'every service account there.',
            ],
            object: namespaceObject(SESSIONS_NAMESPACE),
          },
        ]
      : []),
    ...sessionRights(input),
    ...(mayBind === undefined ? [] : binderRights(input, mayBind)),
    ...(input.deployment === undefined ? [] : deployment(input, input.deployment)),
  ]
}

export function renderManifests(input: ManifestInput): string {
  const head = [
    `# What Sallyport's agent needs on the cluster of connection ${input.connection}, and no more.`,
    `# For Kubernetes 1.${input.minor}. Rendered by: sallyport agent manifests. Apply with: kubectl apply -f -`,
    ...(input.mayBind !== undefined && input.minor < ADMISSION_POLICIES
      ? [
          '# This version has no ValidatingAdmissionPolicy: nothing stops a stolen binder from binding these roles to',
          '# anybody. Kubernetes 1.30 has it.',
        ]
      : []),
  ]
  const documents = manifests(input).map(({ comment, object: one }) =>
    [
      '---',
      ...comment.map(line => `# ${line}`),
      stringify(one, { lineWidth: 0, aliasDuplicateObjects: false }),
    ].join('\n'),
  )
  return `${head.join('\n')}\n${documents.join('')}`
}

function namespaceObject(name: string): KubernetesObject {
  const made = object('v1', 'Namespace', name, undefined, {})
  const labels = { ...made.metadata.labels, 'pod-security.kubernetes.io/enforce': 'restricted' }
  return { ...made, metadata: { ...made.metadata, labels } }
}
