/** One object for `kubectl apply`, and what an operator should read before it. */
export interface Manifest {
  readonly comment: readonly string[]
  readonly object: KubernetesObject
}

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

export interface PolicyRule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

export const RBAC = 'rbac.authorization.k8s.io'

/** Part of Sallyport, put there by an operator; never the label of just-in-time bindings. */
const labels = { 'app.kubernetes.io/part-of': 'sallyport' }

export interface Subject {
  readonly name: string
  readonly namespace: string
}

export function object(
  apiVersion: string,
  kind: string,
  name: string,
  namespace: string | undefined,
  rest: Readonly<Record<string, unknown>>,
): KubernetesObject {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), labels }
  return { apiVersion, kind, metadata, ...rest }
}

/** Cluster-wide names carry the agent's namespace, so that two agents on one cluster do not overwrite each other. */
export function roleName(subject: Pick<Subject, 'namespace'>, part: string): string {
  return `${subject.namespace}-${part}`
}

/** A role and its binding to one service account: cluster-wide, or in a namespace. */
export function granted(
  name: string,
  namespace: string | undefined,
  rules: readonly PolicyRule[],
  subject: Subject,
  comment: readonly string[] = [],
): Manifest[] {
  const kind = namespace === undefined ? 'ClusterRole' : 'Role'
  const roleRef = { apiGroup: RBAC, kind, name }
  const subjects = [{ kind: 'ServiceAccount', name: subject.name, namespace: subject.namespace }]
  return [
    { comment, object: object(`${RBAC}/v1`, kind, name, namespace, { rules }) },
    { comment: [], object: object(`${RBAC}/v1`, `${kind}Binding`, name, namespace, { roleRef, subjects }) },
  ]
}
