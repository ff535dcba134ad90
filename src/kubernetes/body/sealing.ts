import type { DiscoveryEntry } from '../discovery/entry.ts'
import type { ParsedRequest } from '../request/contract.ts'

/** Under which keys the bodies of an exchange are kept, and whether they may be shown and indexed. */
export interface Sealing {
  readonly request: 'shown' | 'sealed'
  readonly response: 'shown' | 'sealed'
}

const SHOWN: Sealing = Object.freeze({ request: 'shown', response: 'shown' })
const SEALED: Sealing = Object.freeze({ request: 'sealed', response: 'sealed' })

/**
 * The built-in resources whose bodies may be shown. A list of what is allowed, so that whatever is not thought of, custom
 * or new is sealed. Not here on purpose: secrets, token requests, token reviews, certificate signing requests, volume
 * attachments (drivers put credentials into them), controller revisions and storage versions (opaque data).
 */
const SHOWN_RESOURCES = `
/: bindings componentstatuses configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims
  persistentvolumes pods podtemplates replicationcontrollers resourcequotas serviceaccounts services
admissionregistration.k8s.io: mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations
  validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations
apiextensions.k8s.io: customresourcedefinitions
apiregistration.k8s.io: apiservices
apps: daemonsets deployments replicasets statefulsets
authentication.k8s.io: selfsubjectreviews
authorization.k8s.io: localsubjectaccessreviews selfsubjectaccessreviews selfsubjectrulesreviews subjectaccessreviews
autoscaling: horizontalpodautoscalers
batch: cronjobs jobs
certificates.k8s.io: clustertrustbundles
coordination.k8s.io: leases leasecandidates
discovery.k8s.io: endpointslices
events.k8s.io: events
flowcontrol.apiserver.k8s.io: flowschemas prioritylevelconfigurations
metrics.k8s.io: nodes pods
networking.k8s.io: ingressclasses ingresses ipaddresses networkpolicies servicecidrs
node.k8s.io: runtimeclasses
policy: poddisruptionbudgets
rbac.authorization.k8s.io: clusterrolebindings clusterroles rolebindings roles
resource.k8s.io: deviceclasses resourceslices
scheduling.k8s.io: priorityclasses
storage.k8s.io: csidrivers csinodes csistoragecapacities storageclasses volumeattributesclasses
`

/** Subresources that carry the same objects, or small ones of known shape. Logs, proxies and terminals are not among them. */
const SHOWN_SUBRESOURCES = new Set([
  '',
  'status',
  'scale',
  'binding',
  'eviction',
  'resize',
  'ephemeralcontainers',
  'finalize',
])

const SHOWN_PAGES = new Set([
  '',
  'api',
  'apis',
  'version',
  'openapi',
  'openid',
  '.well-known',
  'healthz',
  'livez',
  'readyz',
  'metrics',
])

const shown: ReadonlySet<string> = new Set(
  SHOWN_RESOURCES.trim()
    .replaceAll('\n  ', ' ')
    .split('\n')
    .flatMap(line => {
      const [group, names] = line.split(': ') as [string, string]
      return names.split(' ').map(name => `${group === '/' ? '' : group}/${name}`)
    }),
)

/**
 * Whether the bodies of this exchange may be shown. Decided by the URL, so it holds for lists, watches, tables and error
 * texts of a resource alike. `entry` is what discovery knows: what it does not know, or does not know as built in, is sealed.
 */
export function sealing({ info, segments }: ParsedRequest, entry: DiscoveryEntry | undefined): Sealing {
  if (!info.isResource) return SHOWN_PAGES.has(segments[0] ?? '') ? SHOWN : SEALED
  const isShown =
    entry?.origin === 'built-in' &&
    SHOWN_SUBRESOURCES.has(info.subresource) &&
    shown.has(`${info.apiGroup}/${info.resource}`)
  return isShown ? SHOWN : SEALED
}
