import type { BodyFacts, ImpersonationRequest, KubernetesAction } from '../kubernetes/action.ts'
import { mayTakeLabels, namesOwners, takesAddresses } from './object-risks.ts'
import { PLAIN_DATA, podSpecRisks } from './pod-spec.ts'
import { type RiskClassName, riskClassNames } from './risk-classes.ts'
import { resourceVerbs } from './vocabulary.ts'

/** What the classes are found from; a KubernetesAction without its risk is one. */
export type RiskFacts = Pick<
  KubernetesAction,
  'isResource' | 'verb' | 'apiGroup' | 'resource' | 'subresource' | 'namespace' | 'name'
> & { readonly body: BodyFacts | null; readonly impersonate: ImpersonationRequest | null }

/** The gravest class of a request, or `none`. */
export function riskOf(facts: RiskFacts): RiskClassName | 'none' {
  return risksOf(facts)[0] ?? 'none'
}

/** All classes of a request, gravest first. Empty for most. */
export function risksOf(facts: RiskFacts): readonly RiskClassName[] {
  if (!facts.isResource) return facts.impersonate === null ? NONE : IMPERSONATE
  const found = new Set<RiskClassName>()
  if (facts.impersonate !== null) found.add('impersonate')
  if (!VERBS.has(facts.verb)) found.add('unknown-verb')
  targetRisks(facts, found)
  const writes = WRITES_BODY.has(facts.verb)
  if (writes && facts.body !== null) bodyRisks(facts, facts.body, found)
  if (found.size === 0) return NONE
  return riskClassNames.filter(name => found.has(name))
}

const NONE: readonly RiskClassName[] = Object.freeze([])
const IMPERSONATE: readonly RiskClassName[] = Object.freeze(['impersonate'] as const)
const VERBS: ReadonlySet<string> = new Set(resourceVerbs)
const WRITES_BODY: ReadonlySet<string> = new Set(['create', 'update', 'patch'])
const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

function targetRisks(facts: RiskFacts, found: Set<RiskClassName>): void {
  const { apiGroup: group, resource, subresource, verb } = facts
  const core = group === ''
  const reads = READS.has(verb)
  if (verb === 'deletecollection') found.add('collection-delete')
  if (subresource !== '') subresourceRisks(facts, found)
  if (core && resource === 'secrets') secretRisks(facts, found)
  if (core && resource === 'namespaces' && verb === 'delete') found.add('collection-delete')
  if (group === 'certificates.k8s.io' && !reads && verb !== 'delete') found.add('csr')
  if (resource === 'tokenreviews' && group === 'authentication.k8s.io') found.add('access-review')
  if (ACCESS_REVIEWS.has(resource) && group === 'authorization.k8s.io') found.add('access-review')
  if (reads) return
  if (group === 'rbac.authorization.k8s.io') found.add('rbac')
  // On EKS this ConfigMap says which AWS role is which Kubernetes user.
  if (core && resource === 'configmaps' && facts.namespace === 'kube-system') {
    const name = nameOf(facts)
    if (name === '' || name === 'aws-auth' || endsOpen(name, 'aws-auth')) found.add('rbac')
    if (
      name === '' ||
      name === 'extension-apiserver-authentication' ||
      endsOpen(name, 'extension-apiserver-authentication')
    ) {
      found.add('control-plane')
    }
  }
  if (CONTROL_PLANE_GROUPS.has(group)) found.add('control-plane')
  if (core && resource === 'nodes' && subresource !== 'proxy') found.add('control-plane')
  // Leader election of the control plane: who holds such a lease stops a controller.
  if (group === 'coordination.k8s.io' && facts.namespace === 'kube-system') found.add('control-plane')
  if (TRAFFIC.has(`${group}/${resource}`)) found.add('traffic-redirect')
  if (core && resource === 'bindings') found.add('pod-binding')
}

const ACCESS_REVIEWS: ReadonlySet<string> = new Set(['subjectaccessreviews', 'localsubjectaccessreviews'])

const CONTROL_PLANE_GROUPS: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'internal.apiserver.k8s.io',
  'node.k8s.io',
  'storagemigration.k8s.io',
])

/** An endpoint may point at any address, in any namespace (CVE-2021-25740). */
const TRAFFIC: ReadonlySet<string> = new Set(['/endpoints', 'discovery.k8s.io/endpointslices'])

function subresourceRisks(facts: RiskFacts, found: Set<RiskClassName>): void {
  const { apiGroup: group, resource, subresource, verb } = facts
  const core = group === ''
  const writes = !READS.has(verb)
  if (core && resource === 'nodes' && subresource === 'proxy') {
    found.add('node-proxy')
    return
  }
  const known = core ? CORE_SUBRESOURCES[`${resource}/${subresource}`] : undefined
  if (known !== undefined) {
    found.add(known)
    return
  }
  switch (subresource) {
    case 'status':
      if (writes) found.add('status-write')
      // An address of a load balancer is served by every node.
      if (writes && core && resource === 'services') found.add('traffic-redirect')
      return
    case 'scale':
      if (writes) found.add('scale')
      return
    case 'log':
      if (!(core && resource === 'pods')) found.add('unknown-subresource')
      return
    case 'finalize':
      found.add(core && resource === 'namespaces' ? 'control-plane' : 'unknown-subresource')
      return
    case 'approval':
      if (group !== 'certificates.k8s.io') found.add('unknown-subresource')
      return
    default:
      // Custom resources have status and scale alone; what an aggregated API server calls `exec` is its own affair.
      found.add('unknown-subresource')
  }
}

const CORE_SUBRESOURCES: Readonly<Record<string, RiskClassName>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, RiskClassName>, {
    'pods/exec': 'exec',
    'pods/attach': 'attach',
    'pods/portforward': 'port-forward',
    'pods/proxy': 'pod-proxy',
    'services/proxy': 'service-proxy',
    'pods/ephemeralcontainers': 'ephemeral-container',
    'pods/binding': 'pod-binding',
    'pods/eviction': 'eviction',
    'pods/resize': 'resize',
    'serviceaccounts/token': 'token-mint',
  } satisfies Record<string, RiskClassName>),
)

/**
 * Reads, and writes whose answer holds data that the request did not: a patch (an empty one reads the whole object),
 * a deletecollection (it answers with the list) and a delete (with finalizers it answers with the object).
 */
function secretRisks(facts: RiskFacts, found: Set<RiskClassName>): void {
  if (facts.verb !== 'create' && facts.verb !== 'update') found.add('secret-read')
  if (WRITES_BODY.has(facts.verb) && facts.body !== null && mintsToken(facts, facts.body)) {
    found.add('token-mint')
  }
}

const TOKEN_WORDS = [
  'kubernetes.io/service-account-token',
  'kubernetes.io/service-account.name',
  'kubernetes.io/service-account.uid',
  'bootstrap.kubernetes.io/token',
]

/** Secrets that a controller fills with a token, or that are one (bootstrap). */
function mintsToken(facts: RiskFacts, body: BodyFacts): boolean {
  const name = nameOf(facts)
  if (
    facts.namespace === 'kube-system' &&
    (name.startsWith('bootstrap-token-') || 'bootstrap-token-'.startsWith(prefixOf(name)))
  ) {
    return true
  }
  return mentions(body.object, TOKEN_WORDS)
}

/** Whether one of the words is a string or a key anywhere; slashes of a JSON pointer are written `~1`. */
function mentions(value: unknown, words: readonly string[]): boolean {
  const isWord = (text: string): boolean =>
    words.some(word => text === word || text.endsWith(`/${word.replaceAll('/', '~1')}`))
  const stack: unknown[] = [value]
  while (stack.length > 0) {
    const at = stack.pop()
    if (typeof at === 'string') {
      if (isWord(at)) return true
    } else if (Array.isArray(at)) for (const item of at) stack.push(item)
    else if (typeof at === 'object' && at !== null) {
      for (const key of Object.keys(at)) {
        if (isWord(key)) return true
        stack.push((at as Record<string, unknown>)[key])
      }
    }
  }
  return false
}

function bodyRisks(facts: RiskFacts, body: BodyFacts, found: Set<RiskClassName>): void {
  if (body.object === undefined || body.object === null) {
    found.add('unjudged-body')
    return
  }
  // A status is written with the labels and the owners of its object, of most kinds.
  if (facts.verb !== 'create') {
    if (namesOwners(body)) found.add('owner-change')
    if (isNamespace(facts) && mayTakeLabels(body)) found.add('control-plane')
  }
  if (isNamespace(facts) && mentionsPodSecurity(body.object)) found.add('control-plane')
  // Otherwise these subresources change nothing but themselves, whatever else the object that is sent holds.
  if (facts.subresource !== '' && facts.subresource !== 'ephemeralcontainers') return
  if (facts.apiGroup === '' && PLAIN_DATA.has(facts.resource)) return
  // The schema of a CRD speaks of such fields without having them, and CRDs are `control-plane` anyway.
  if (facts.apiGroup === 'apiextensions.k8s.io') return
  for (const risk of podSpecRisks(body.object)) found.add(risk)
  if (facts.apiGroup === '' && facts.resource === 'services' && takesAddresses(body)) {
    found.add('traffic-redirect')
  }
}

function isNamespace({ apiGroup, resource }: RiskFacts): boolean {
  return apiGroup === '' && resource === 'namespaces'
}

/** Pod Security admission obeys these labels. */
function mentionsPodSecurity(value: unknown): boolean {
  const stack: unknown[] = [value]
  while (stack.length > 0) {
    const at = stack.pop()
    if (typeof at === 'string') {
      // JSON patch: `/metadata/labels/pod-security.kubernetes.io~1enforce`, or the labels as a whole.
      if (at.includes('/pod-security.kubernetes.io')) return true
    } else if (Array.isArray(at)) for (const item of at) stack.push(item)
    else if (typeof at === 'object' && at !== null) {
      for (const key of Object.keys(at)) {
        if (key.startsWith('pod-security.kubernetes.io')) return true
        stack.push((at as Record<string, unknown>)[key])
      }
    }
  }
  return false
}

/** A create has its name in the body; `x*` when only its beginning is known. */
function nameOf(facts: RiskFacts): string {
  return facts.name !== '' ? facts.name : (facts.body?.name ?? '')
}

function prefixOf(name: string): string {
  return name.endsWith('*') && name.length > 1 ? name.slice(0, -1) : '\u0000'
}

function endsOpen(name: string, full: string): boolean {
  return full.startsWith(prefixOf(name))
}
