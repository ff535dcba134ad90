import type { RefusedRequest, RequestInfo } from '../request/contract.ts'
import type { DiscoveryEntry } from './entry.ts'

/** Verbs that need a namespace when the resource has one; list and watch may span all of them. */
const IN_ONE_NAMESPACE = new Set(['get', 'create', 'update', 'patch', 'delete', 'deletecollection'])

/**
 * Holds the scope that a path claims against the one that the cluster declares: a cluster-scoped resource under a
 * namespace path would be judged by the rights of that namespace (CVE-2019-11247). Null when they agree.
 */
export function scopeFault(info: RequestInfo, entry: DiscoveryEntry): RefusedRequest | null {
  if (!entry.namespaced) {
    // A namespace is its own namespace in RequestInfo.
    const isNamespaceItself = entry.group === '' && entry.resource === 'namespaces'
    if (info.namespace === '' || isNamespaceItself) return null
    return refused('scope-cluster', `${entry.resource} belong to the cluster, not to a namespace`)
  }
  if (info.namespace === '' && IN_ONE_NAMESPACE.has(info.verb)) {
    return refused('scope-namespace', `${entry.resource} belong to a namespace, and the path names none`)
  }
  return null
}

function refused(check: string, detail: string): RefusedRequest {
  return { refused: true, check, code: 'request-ambiguous', detail }
}
