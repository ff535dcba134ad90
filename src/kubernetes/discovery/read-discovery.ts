import { messageOf } from '../protobuf/field-table.ts'
import { apiVersionOf, type DiscoveryEntry, type ObjectKind, resourceKey, type Subresource } from './entry.ts'

/**
 * Readers of discovery documents. A document is the upstream's word: what has not the expected shape is left out
 * (unknown resources are treated with most care), never guessed.
 */
export type Entries = Map<string, DiscoveryEntry>

type Json = Readonly<Record<string, unknown>>

/** `apidiscovery.k8s.io/v2` and `v2beta1` APIGroupDiscoveryList (KEP-3352). False when it is something else. */
export function readAggregated(document: unknown, into: Entries): boolean {
  if (!isObject(document) || document.kind !== 'APIGroupDiscoveryList') return false
  for (const item of objects(document.items)) {
    const group = isObject(item.metadata) ? text(item.metadata.name) : ''
    for (const entry of objects(item.versions)) {
      const version = text(entry.version)
      for (const resource of objects(entry.resources)) readResource(group, version, resource, into)
    }
  }
  return true
}

function readResource(group: string, version: string, resource: Json, into: Entries): void {
  const name = text(resource.resource)
  const kind = responseKind(resource.responseKind, group, version)
  if (name === '' || version === '' || kind === undefined) return
  if (resource.scope !== 'Namespaced' && resource.scope !== 'Cluster') return
  const subresources = new Map<string, Subresource>()
  for (const item of objects(resource.subresources)) {
    const sub = text(item.subresource)
    if (sub !== '') {
      subresources.set(sub, {
        kind: responseKind(item.responseKind, group, version),
        verbs: words(item.verbs),
      })
    }
  }
  into.set(resourceKey(group, version, name), {
    group,
    version,
    resource: name,
    kind,
    namespaced: resource.scope === 'Namespaced',
    verbs: words(resource.verbs),
    subresources,
    origin: messageOf(kind.apiVersion, kind.kind) === undefined ? 'extension' : 'built-in',
  })
}

function responseKind(value: unknown, group: string, version: string): ObjectKind | undefined {
  if (!isObject(value) || text(value.kind) === '') return undefined
  // Empty group and version mean the ones of the resource (apidiscovery/v2 types.go); core has the empty group.
  const own = text(value.version)
  return own === ''
    ? { apiVersion: apiVersionOf(group, version), kind: text(value.kind) }
    : { apiVersion: apiVersionOf(text(value.group), own), kind: text(value.kind) }
}

/** Group versions of a legacy `/api` (APIVersions) or `/apis` (APIGroupList), as `['', 'v1']` or `['apps', 'v1']`. */
export function readGroupVersions(document: unknown): (readonly [group: string, version: string])[] {
  if (!isObject(document)) return []
  if (document.kind === 'APIVersions')
    return strings(document.versions).map(version => ['', version] as const)
  if (document.kind !== 'APIGroupList') return []
  return objects(document.groups).flatMap(group =>
    objects(group.versions).map(version => [text(group.name), text(version.version)] as const),
  )
}

/** A legacy APIResourceList of one group version. */
export function readResourceList(group: string, version: string, document: unknown, into: Entries): void {
  if (!isObject(document) || document.kind !== 'APIResourceList') return
  const subresources = new Map<string, Map<string, Subresource>>()
  const resources = objects(document.resources)
  for (const item of resources) {
    const [name = '', sub] = text(item.name).split('/', 2)
    if (sub === undefined) continue
    let of = subresources.get(name)
    if (of === undefined) {
      of = new Map()
      subresources.set(name, of)
    }
    of.set(sub, { kind: legacyKind(item, group, version), verbs: words(item.verbs) })
  }
  for (const item of resources) {
    const name = text(item.name)
    const kind = legacyKind(item, group, version)
    if (name === '' || name.includes('/') || kind === undefined || typeof item.namespaced !== 'boolean')
      continue
    into.set(resourceKey(group, version, name), {
      group,
      version,
      resource: name,
      kind,
      namespaced: item.namespaced,
      verbs: words(item.verbs),
      subresources: subresources.get(name) ?? new Map(),
      origin: messageOf(kind.apiVersion, kind.kind) === undefined ? 'extension' : 'built-in',
    })
  }
}

function legacyKind(item: Json, group: string, version: string): ObjectKind | undefined {
  const kind = text(item.kind)
  if (kind === '') return undefined
  const own = text(item.version)
  return { apiVersion: own === '' ? apiVersionOf(group, version) : apiVersionOf(text(item.group), own), kind }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

function words(value: unknown): ReadonlySet<string> {
  return new Set(strings(value))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
