/** What a cluster says about one resource of one group version. */
export interface DiscoveryEntry {
  readonly group: string
  readonly version: string
  /** Plural name, as in paths. */
  readonly resource: string
  readonly kind: ObjectKind
  readonly namespaced: boolean
  readonly verbs: ReadonlySet<string>
  readonly subresources: ReadonlyMap<string, Subresource>
  /**
   * `built-in`: a type of the API modules that the field table was made from. `extension`: a custom resource, an
   * aggregated API or a type of a newer server; discovery does not tell these apart.
   */
  readonly origin: 'built-in' | 'extension'
}

export interface Subresource {
  /** What is sent and answered (`autoscaling/v1 Scale` for `scale`); undefined for streams and proxies. */
  readonly kind: ObjectKind | undefined
  readonly verbs: ReadonlySet<string>
}

export interface ObjectKind {
  /** `group/version` or `version`. */
  readonly apiVersion: string
  readonly kind: string
}

/** Joins group and version as objects write them. */
export function apiVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** Key of a resource in the maps of discovery. */
export function resourceKey(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`
}
