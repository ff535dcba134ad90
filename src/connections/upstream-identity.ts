import { API_GROUP, UPSTREAM_PREFIX } from '../brand.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import type { SessionDescriptor } from '../tunnel/contract.ts'
import type { Connection } from './connection.ts'
import type { Session } from './session.ts'

/**
 * As whom the upstream sees a session. A pod's service account stays itself on its own cluster, so that RBAC that
 * names it keeps working; everybody else carries our prefix. The agent checks all of it again.
 */
export function describeUpstreamIdentity(
  session: Session,
  connection: Connection,
  action: KubernetesAction,
): SessionDescriptor {
  const { principal } = session
  const extra: [string, string][] = [
    [`${API_GROUP}/session`, session.id],
    [`${API_GROUP}/principal`, principal.username],
  ]
  if (connection.upstreamIdentity !== 'principal') {
    return {
      sessionId: session.id,
      mode: connection.upstreamIdentity,
      user: `${UPSTREAM_PREFIX}s:${session.id}`,
      groups: [],
      extra,
    }
  }
  // Policy has allowed `--as` explicitly; the person behind it stays readable in the extras.
  if (action.impersonate !== null) {
    const { user, groups } = action.impersonate
    return { sessionId: session.id, mode: 'principal', user, groups, extra }
  }
  const account = principal.serviceAccount
  if (account !== undefined && account.connection === connection.name) {
    // Groups are left to the API server: it adds the service account's own when none are sent.
    const user = `system:serviceaccount:${account.namespace}:${account.name}`
    return { sessionId: session.id, mode: 'principal', user, groups: [], extra }
  }
  return {
    sessionId: session.id,
    mode: 'principal',
    user:
      account === undefined
        ? UPSTREAM_PREFIX + principal.username
        : `${UPSTREAM_PREFIX}sa:${account.connection}:${account.namespace}:${account.name}`,
    groups: upstreamGroups(principal.groups, connection),
    extra,
  }
}

function upstreamGroups(groups: readonly string[], connection: Connection): string[] {
  const mapped = new Set<string>()
  for (const mapping of connection.groupMappings) {
    if (groups.includes(mapping.group)) for (const upstream of mapping.upstream) mapped.add(upstream)
  }
  return [...mapped]
}
