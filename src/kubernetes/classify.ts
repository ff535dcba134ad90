import type { BodyFacts, KubernetesAction, QueryFacts } from './action.ts'
import type { DiscoveryEntry } from './discovery/entry.ts'
import { storageNames } from './discovery/storage-identity.ts'
import type { ParsedRequest, RequestInfo } from './request/contract.ts'
import { queryFacts } from './request/queryfacts.ts'

/** What the risk table looks at: an action before its risks are known. */
type Unrated = Omit<KubernetesAction, 'risk' | 'risks'>

/** Upgrades of a pod: RBAC asks for `create` whatever the HTTP method (authorizePodWebsocketUpgradeCreatePermission, 1.35). */
const UPGRADES = new Set(['exec', 'attach', 'portforward'])

/** Creates that only answer a question about the caller. */
const SELF_REVIEWS = new Set([
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
])

/**
 * Puts a request together from what its head, its body and the cluster's discovery say. `risksOf` is the table of risk
 * classes, gravest first.
 */
export function buildAction(
  parsed: ParsedRequest,
  body: BodyFacts | null,
  entry: DiscoveryEntry | undefined,
  risksOf: (action: Unrated) => readonly string[],
): KubernetesAction {
  const { info } = parsed
  const verb = isUpgrade(info) ? 'create' : info.verb
  const unrated: Unrated = {
    protocol: 'k8s',
    verb,
    isResource: info.isResource,
    apiGroup: info.apiGroup,
    apiVersion: info.apiVersion,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    path: pathOf(parsed.target),
    query: withOptions(queryFacts(parsed), info.verb, body),
    body,
    impersonate: parsed.impersonate,
    ...(entry === undefined ? {} : { namespaced: entry.namespaced }),
    ...sameStorage(info),
    hasSideEffect: hasSideEffect(parsed, verb),
    longRunning: parsed.longRunning,
  }
  const risks = risksOf(unrated)
  return { ...unrated, risk: risks[0] ?? 'none', risks }
}

function isUpgrade(info: RequestInfo): boolean {
  return info.apiGroup === '' && info.resource === 'pods' && UPGRADES.has(info.subresource)
}

function pathOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? target : target.slice(0, mark)
}

function sameStorage(info: RequestInfo): Pick<KubernetesAction, 'sameStorage'> {
  if (!info.isResource) return {}
  const names = storageNames(info.apiGroup, info.resource)
  if (names.length < 2) return {}
  return { sameStorage: names.map(({ group, resource }) => ({ apiGroup: group, resource })) }
}

/**
 * The options of a delete come from its body when it has one, and its query then counts for nothing (apiserver
 * `endpoints/handlers/delete.go`): `?dryRun=All` with the body `{}` deletes.
 */
function withOptions(query: QueryFacts, verb: string, body: BodyFacts | null): QueryFacts {
  if (body === null || (verb !== 'delete' && verb !== 'deletecollection')) return query
  const dryRun = (body.object as { readonly dryRun?: unknown } | null)?.dryRun
  return {
    ...query,
    dryRun: Array.isArray(dryRun) && dryRun.length > 0 && dryRun.every(value => value === 'All'),
  }
}

/** What must not run before its intent is durable: everything but reads and questions about oneself. A dry run is a write. */
function hasSideEffect({ info, method }: ParsedRequest, verb: string): boolean {
  if (!info.isResource) return method !== 'GET' && method !== 'HEAD'
  // Behind a proxy a GET can do anything.
  if (info.subresource === 'proxy' || isUpgrade(info)) return true
  if (verb === 'get' || verb === 'list' || verb === 'watch') return false
  return !(
    verb === 'create' &&
    info.subresource === '' &&
    SELF_REVIEWS.has(`${info.apiGroup}/${info.resource}`)
  )
}
