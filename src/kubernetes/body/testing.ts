import assert from 'node:assert/strict'
import type { DiscoveryEntry } from '../discovery/entry.ts'
import { type Entries, readAggregated } from '../discovery/read-discovery.ts'
import type { ParsedRequest } from '../request/contract.ts'
import { parseRequest } from '../request/parse.ts'

/** For the tests beside this file: requests as the parser gives them, and a small cluster's discovery. */
export function request(
  method: string,
  target: string,
  type?: string,
  more: readonly string[] = [],
): ParsedRequest {
  const headers = ['Host', 'localhost', ...(type === undefined ? [] : ['Content-Type', type]), ...more]
  const parsed = parseRequest({ method, target, rawHeaders: headers })
  if (parsed.refused) assert.fail(`${method} ${target}: ${parsed.check}`)
  return parsed
}

export function entryOf({ info }: ParsedRequest): DiscoveryEntry | undefined {
  return cluster.get(`${info.apiGroup}/${info.apiVersion}/${info.resource}`)
}

const cluster: Entries = new Map()

const resource = (name: string, kind: string, scope: string, subresources: object[] = []): object => ({
  resource: name,
  responseKind: { kind },
  scope,
  verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'],
  subresources,
})
const subresource = (name: string, group: string, version: string, kind: string): object => ({
  subresource: name,
  responseKind: { group, version, kind },
  verbs: ['create', 'get', 'patch', 'update'],
})
const group = (name: string, version: string, resources: object[]): object => ({
  metadata: { name },
  versions: [{ version, resources }],
})

readAggregated(
  {
    kind: 'APIGroupDiscoveryList',
    items: [
      group('', 'v1', [
        resource('pods', 'Pod', 'Namespaced', [
          subresource('eviction', 'policy', 'v1', 'Eviction'),
          subresource('binding', '', 'v1', 'Binding'),
          subresource('ephemeralcontainers', '', 'v1', 'Pod'),
          subresource('exec', '', 'v1', 'PodExecOptions'),
        ]),
        resource('secrets', 'Secret', 'Namespaced'),
        resource('configmaps', 'ConfigMap', 'Namespaced'),
        resource('events', 'Event', 'Namespaced'),
        resource('namespaces', 'Namespace', 'Cluster'),
        resource('nodes', 'Node', 'Cluster'),
        resource('serviceaccounts', 'ServiceAccount', 'Namespaced', [
          subresource('token', 'authentication.k8s.io', 'v1', 'TokenRequest'),
        ]),
        resource('services', 'Service', 'Namespaced'),
      ]),
      group('apps', 'v1', [
        resource('deployments', 'Deployment', 'Namespaced', [
          subresource('scale', 'autoscaling', 'v1', 'Scale'),
        ]),
      ]),
      group('events.k8s.io', 'v1', [resource('events', 'Event', 'Namespaced')]),
      group('rbac.authorization.k8s.io', 'v1', [resource('clusterroles', 'ClusterRole', 'Cluster')]),
      group('certificates.k8s.io', 'v1', [
        resource('certificatesigningrequests', 'CertificateSigningRequest', 'Cluster'),
      ]),
      group('authentication.k8s.io', 'v1', [
        resource('tokenreviews', 'TokenReview', 'Cluster'),
        resource('selfsubjectreviews', 'SelfSubjectReview', 'Cluster'),
      ]),
      group('authorization.k8s.io', 'v1', [
        resource('selfsubjectaccessreviews', 'SelfSubjectAccessReview', 'Cluster'),
      ]),
      group('example.com', 'v1', [resource('widgets', 'Widget', 'Namespaced')]),
      // A custom resource that borrows the name of a shown one.
      group('metrics.k8s.io', 'v9', [resource('pods', 'Loot', 'Namespaced')]),
    ],
  },
  cluster,
)
