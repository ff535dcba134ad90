import type { RawOptions } from './hunt.ts'
import { GROUP } from './ways.ts'

const META = 'meta.k8s.io'
const json = (as: string, v = 'v1'): string => `application/json;as=${as};v=${v};g=${META}`

/** Every Accept that a client of Kubernetes is known to send, and some that only an attacker would. */
export const accepts: readonly string[] = [
  'application/json',
  'application/json;pretty=1',
  'application/vnd.kubernetes.protobuf',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/vnd.kubernetes.protobuf;q=1,application/json;q=0.1',
  'Application/VND.kubernetes.Protobuf, application/json',
  'application/yaml',
  'application/yaml, */*',
  'application/cbor',
  'application/cbor-seq',
  'application/cbor;q=0.9,application/json;q=0.1',
  '*/*',
  'application/*',
  'text/*, */*;q=0.1',
  json('Table'),
  json('Table', 'v1beta1'),
  `${json('Table')},${json('Table', 'v1beta1')},application/json`,
  `application/vnd.kubernetes.protobuf;as=Table;v=v1;g=${META},application/json`,
  `application/cbor;as=Table;v=v1;g=${META},${json('Table')}`,
  `application/yaml;as=Table;v=v1;g=${META},application/json`,
  json('PartialObjectMetadata'),
  json('PartialObjectMetadataList'),
  json('PartialObjectMetadataList', 'v1beta1'),
  `application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=${META},${json('PartialObjectMetadataList')},application/json`,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch,application/json',
  'application/cbor-seq,application/json;q=0.5',
  'application/json;profile=nopeer',
  'application/octet-stream',
  'text/html',
  '',
]

const NAMESPACED = '/api/v1/namespaces/leaks'
const CUSTOM = `/apis/${GROUP}/v1/namespaces/leaks`

export const lists: readonly string[] = [
  `${NAMESPACED}/secrets`,
  `${NAMESPACED}/configmaps`,
  `${NAMESPACED}/pods`,
  `${NAMESPACED}/events`,
  '/apis/events.k8s.io/v1/namespaces/leaks/events',
  '/apis/apps/v1/namespaces/leaks/deployments',
  '/apis/apps/v1/namespaces/leaks/replicasets',
  `${CUSTOM}/gadgets`,
  `${CUSTOM}/vaults`,
  `${CUSTOM}/crates`,
]

const things: readonly string[] = [
  `${NAMESPACED}/secrets/secret-0`,
  `${NAMESPACED}/configmaps/cm-key-0`,
  `${NAMESPACED}/pods/env-0`,
  `${NAMESPACED}/pods/ended-0/status`,
  '/apis/apps/v1/namespaces/leaks/deployments/workload-0',
  `${CUSTOM}/gadgets/cr-typed-0`,
  `${CUSTOM}/gadgets/cr-column-0`,
  `${CUSTOM}/vaults/cr-0`,
  `${CUSTOM}/crates/cr-own-0`,
]

const queries: readonly string[] = [
  'pretty=true',
  'includeObject=None',
  'includeObject=Metadata',
  'includeObject=Object',
  'limit=5',
  'resourceVersion=0',
  'labelSelector=suite%3Dleaks',
  'fieldSelector=metadata.name%3Dsecret-0',
  'timeoutSeconds=1&watch=1',
  'watch=true&timeoutSeconds=1&pretty=true',
  'watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
  'watch=1&timeoutSeconds=1&includeObject=Object',
]

export type RawRead = readonly [path: string, options: RawOptions]

const accept = (value: string): RawOptions => ({ headers: { accept: value } })
const TABLE = `${json('Table')},application/json`

/** One list in all forms, the others in the forms that matter most. */
export const fewRaw: readonly RawRead[] = [
  ...accepts.map((value): RawRead => [lists[0]!, accept(value)]),
  ...lists.slice(1).flatMap((list): RawRead[] => [
    [list, {}],
    [`${list}?includeObject=Object`, accept(TABLE)],
    [`${list}?includeObject=None`, accept(TABLE)],
    [`${list}?watch=1&timeoutSeconds=1`, accept(TABLE)],
  ]),
  ...things.flatMap((thing): RawRead[] => [
    [thing, {}],
    [thing, accept(TABLE)],
    [`${thing}?pretty=true`, accept('application/yaml,*/*')],
  ]),
  ...others(),
]

export const manyRaw: readonly RawRead[] = [
  ...fewRaw,
  ...lists.slice(1).flatMap(list => accepts.map((value): RawRead => [list, accept(value)])),
  ...things.flatMap(thing => accepts.map((value): RawRead => [thing, accept(value)])),
  ...lists.flatMap(list =>
    queries.flatMap((query): RawRead[] => [
      [`${list}?${query}`, {}],
      [`${list}?${query}`, accept(TABLE)],
      [`${list}?${query}`, accept(json('PartialObjectMetadataList'))],
    ]),
  ),
]

function others(): RawRead[] {
  const secrets = lists[0]!
  return [
    [secrets, { headers: { 'accept-encoding': 'gzip' } }],
    [secrets, { headers: { 'accept-encoding': 'gzip;q=1.0, identity;q=0, br, *' } }],
    [secrets, { headers: { range: 'bytes=100-400' } }],
    [secrets, { headers: { 'if-none-match': '"0"', 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' } }],
    [secrets, { method: 'HEAD' }],
    ['/api/v1/secrets', {}],
    ['/api/v1/configmaps?labelSelector=suite%3Dleaks', {}],
    ['/api/v1/namespaces/leaks/secrets/?watch=true&timeoutSeconds=1', {}],
    ['/api/v1/watch/namespaces/leaks/secrets?timeoutSeconds=1', {}],
    ['/api/v1/watch/namespaces/leaks/secrets/secret-0?timeoutSeconds=1', {}],
    [`${NAMESPACED}/pods/talker/log`, {}],
    [`${NAMESPACED}/pods/talker/log?follow=true`, { leaveAfter: 1500 }],
    [`${NAMESPACED}/pods/talker/log?timestamps=true&tailLines=4000`, accept('text/plain')],
    [`${NAMESPACED}/pods/talker/log?limitBytes=1000`, accept('*/*')],
    // From the middle: some of these begin amid a private key.
    ...[2, 3, 5, 8, 13, 21, 34, 55, 89, 144].map((lines): RawRead => {
      return [`${NAMESPACED}/pods/talker/log?tailLines=${lines}`, {}]
    }),
    ['/openapi/v2', accept('application/json')],
    ['/openapi/v3', {}],
    ['/apis', accept('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')],
    ['/metrics', {}],
    ['/api/v1/nodes/nowhere/proxy/pods', {}],
    ['/apis/certificates.k8s.io/v1/certificatesigningrequests', {}],
    ['/apis/storage.k8s.io/v1/volumeattachments', {}],
    ['/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', {}],
  ]
}
