import { namespaceOfAction } from '../kubernetes/access-review.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { risksOf } from './risk.ts'

/** An action in a person's words; a path, or a resource with what belongs to it. Empty: not said. */
export interface Description {
  readonly verb: string
  readonly path: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
}

/** The action that a person describes: no body, no query, risks by what is said alone. */
export function describedAction(said: Description): KubernetesAction {
  const isResource = said.path === ''
  const action: KubernetesAction = {
    protocol: 'k8s',
    verb: said.verb,
    isResource,
    apiGroup: said.group,
    apiVersion: '',
    resource: said.resource,
    subresource: said.subresource,
    namespace: namespaceOfAction(said.group, said.resource, said.namespace, said.name),
    name: said.name,
    path: said.path,
    query: { fieldSelector: '', labelSelector: '', dryRun: false, follow: false, container: '', command: [] },
    body: null,
    impersonate: null,
    risk: 'none',
    hasSideEffect: !['get', 'list', 'watch'].includes(said.verb),
    longRunning: said.verb === 'watch',
  }
  const risks = risksOf(action)
  return { ...action, risks, risk: risks[0] ?? 'none' }
}
