import { readJson } from '../json/read-json.ts'

/** Names of groups and versions as they stand in paths, and in the name of their APIService. */
const GROUP = /^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$/
const VERSION = /^v[a-z0-9]{1,20}$/

/** Of a group version: `v1.example.com`. Null: there can be none. */
export function apiServiceName(group: string, version: string): string | null {
  return GROUP.test(group) && VERSION.test(version) ? `${version}.${group}` : null
}

/**
 * Whether kube-apiserver itself serves the group version of this APIService: custom resources, and what is built in. It is so
 * where there is no `spec.service` (kube-aggregator, `pkg/apis/apiregistration/v1/types.go`). In doubt it is not.
 */
export function isServedLocally(body: Uint8Array, group: string, version: string): boolean {
  const document = readJson(body)
  if ('refused' in document || !document.isObject(0)) return false
  const spec = document.member(0, 'spec')
  const metadata = document.member(0, 'metadata')
  if (spec === undefined || metadata === undefined) return false
  return (
    document.text(document.member(0, 'kind')) === 'APIService' &&
    document.text(document.member(metadata, 'name')) === apiServiceName(group, version) &&
    document.text(document.member(spec, 'group')) === group &&
    document.text(document.member(spec, 'version')) === version &&
    document.member(spec, 'service') === undefined
  )
}
