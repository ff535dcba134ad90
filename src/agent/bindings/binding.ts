import { hash } from 'node:crypto'
import { UPSTREAM_PREFIX } from '../../brand.ts'
import { EXPIRES_AT, MANAGED_BY, SESSION_ID, SESSION_LABEL, SESSIONS_NAMESPACE } from '../names.ts'
import type { RoleKind, RoleThere } from './grants.ts'

export const RBAC = 'rbac.authorization.k8s.io'

/** Whose bindings: its user name (mode session) or its service account. */
export type SubjectKind = 'User' | 'ServiceAccount'

/** A binding as the API server has it; only what we look at. */
export interface BindingObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly roleRef: { readonly apiGroup?: string; readonly kind: string; readonly name: string }
  readonly subjects?: readonly Readonly<Record<string, string>>[]
}

/** Path of the bindings of a namespace, or of those of the whole cluster. */
export function bindingsPath(namespace: string): string {
  const root = `/apis/${RBAC}/v1`
  return namespace === ''
    ? `${root}/clusterrolebindings`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/rolebindings`
}

/** Binds one role to one session and to nobody else. The name holds the session; no two ends have the same name. */
export function bindingObject(
  session: string,
  subject: SubjectKind,
  { kind, name, namespace }: RoleThere,
  expiresAt: string,
): BindingObject & { readonly apiVersion: string; readonly kind: string } {
  const distinct = hash('sha256', JSON.stringify([kind, name, namespace, expiresAt]), 'hex').slice(0, 12)
  return {
    apiVersion: `${RBAC}/v1`,
    kind: namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: {
      name: `sallyport-${session}-${distinct}`,
      ...(namespace === '' ? {} : { namespace }),
      labels: { [MANAGED_BY.label]: MANAGED_BY.value, [SESSION_LABEL]: session },
      annotations: { [EXPIRES_AT]: expiresAt },
    },
    roleRef: { apiGroup: RBAC, kind, name },
    subjects: [subjectOf(session, subject)],
  }
}

function subjectOf(session: string, kind: SubjectKind): Readonly<Record<string, string>> {
  return kind === 'User'
    ? { apiGroup: RBAC, kind, name: `${UPSTREAM_PREFIX}s:${session}` }
    : { kind, namespace: SESSIONS_NAMESPACE, name: session }
}

/** The session whose binding this is: by name, labels and its one subject. Undefined: it is not ours to touch. */
export function sessionOf({ metadata, subjects }: BindingObject): string | undefined {
  const session = metadata.labels?.[SESSION_LABEL] ?? ''
  const [subject, ...others] = subjects ?? []
  const ours =
    SESSION_ID.test(session) &&
    metadata.labels?.[MANAGED_BY.label] === MANAGED_BY.value &&
    metadata.name.startsWith(`sallyport-${session}-`) &&
    others.length === 0 &&
    subject !== undefined &&
    (subject.kind === 'User'
      ? subject.name === `${UPSTREAM_PREFIX}s:${session}`
      : subject.kind === 'ServiceAccount' &&
        subject.namespace === SESSIONS_NAMESPACE &&
        subject.name === session)
  return ours ? session : undefined
}

/** Milliseconds since the epoch. One without a readable end is over. */
export function endOf({ metadata }: BindingObject): number {
  const at = Date.parse(metadata.annotations?.[EXPIRES_AT] ?? '')
  return Number.isNaN(at) ? 0 : at
}

export function roleOf({ roleRef, metadata }: BindingObject): RoleThere {
  return { kind: roleRef.kind as RoleKind, name: roleRef.name, namespace: metadata.namespace ?? '' }
}

/** Whether what stands under a name is exactly what we would have put there. */
export function isSame(found: BindingObject, made: BindingObject): boolean {
  return (
    sessionOf(found) !== undefined &&
    sessionOf(found) === sessionOf(made) &&
    found.subjects?.[0]?.kind === made.subjects?.[0]?.kind &&
    found.roleRef.kind === made.roleRef.kind &&
    found.roleRef.name === made.roleRef.name &&
    (found.metadata.namespace ?? '') === (made.metadata.namespace ?? '') &&
    endOf(found) === endOf(made)
  )
}
