/** One way to an effect that policy closes elsewhere, or the closed way itself, for kubectl and in plain requests. */
export interface Door {
  /** Number of the list of known ways around a gateway. */
  readonly number: string
  readonly title: string
  /** What stops it: the rule as `POLICY/RULE`. A rule of the name of a preset is that preset. */
  readonly rule: string
  readonly effect: 'deny' | 'hold'
  /** One command; words that begin with `@` are a file with this JSON. `raw only`: kubectl has no words for it. */
  readonly kubectl: readonly string[] | 'raw only'
  /** Its request is refused with this code before policy is asked; `its own words`: it does not print what it was told. */
  readonly kubectlIsTold?: 'upgrade-unsupported' | 'request-ambiguous' | 'its own words'
  /** What kubectl reads from its standard input (`-f -`). */
  readonly stdin?: object
  readonly raw: readonly Raw[]
  /** Of what the cluster must not have seen even a read by the caller; resource names. */
  readonly unread?: readonly string[]
  /**
   * What the same does when nobody stands between: it `changes` the cluster, `answers` with what is there, or is only
   * `taken`: the API server goes about it and finds nobody behind it (there are no nodes here). Default: changes.
   */
  readonly open?: 'changes' | 'answers' | 'taken'
  /** Name of what it needs and does not name. */
  readonly needs?: string
  /** Path of what is gone some time after that; controllers take their time. */
  readonly gone?: string
}

export interface Raw {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly http2?: true
  /** Refused before policy is asked, with this code: two readings, or a form that nobody needs. */
  readonly refused?: string
}

export const MERGE = 'application/merge-patch+json'
export const JSON_PATCH = 'application/json-patch+json'
export const STRATEGIC = 'application/strategic-merge-patch+json'
export const APPLY = 'application/apply-patch+yaml'

export const RBAC = '/apis/rbac.authorization.k8s.io/v1'
/** Deny rules speak of this namespace. */
export const SHOP = '/api/v1/namespaces/shop'
/** No rule speaks of this one. */
export const OPEN = '/api/v1/namespaces/open'

/** What a Secret of the cluster holds; nobody may see it. */
export const TREASURE = ['tr0ub4dor', 'and', '3x'].join('-')

export const get = (path: string, more: Partial<Raw> = {}): Raw => ({ method: 'GET', path, ...more })
export const post = (path: string, body?: object, more: Partial<Raw> = {}): Raw => ({
  method: 'POST',
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
})
export const put = (path: string, body: object): Raw => ({ method: 'PUT', path, body })
export const patch = (path: string, body: unknown, type: string = MERGE): Raw => ({
  method: 'PATCH',
  path,
  body,
  type,
})
export const remove = (path: string, body?: object): Raw => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
})

export const clients = ['kubectl', 'raw'] as const
export type Client = (typeof clients)[number]

/** `{v}` in a door is another word for each door and client: each has objects of its own to make or to destroy. */
export function forClient<T>(part: T, v: string): T {
  return JSON.parse(JSON.stringify(part).replaceAll('{v}', v)) as T
}

/** An object with its name; in a namespace when one is given. */
export function object(apiVersion: string, kind: string, name: string, more: object = {}): object {
  return { apiVersion, kind, ...more, metadata: { name, ...(more as { metadata?: object }).metadata } }
}

export const container = { name: 'c', image: 'registry.example.com/web:1' }
export const pod = (name: string, spec: object, metadata: object = {}): object =>
  object('v1', 'Pod', name, { metadata, spec: { containers: [container], ...spec } })

/** What stands around a pod's spec in a Deployment. */
export const deployment = (name: string, spec: object = {}): object =>
  object('apps/v1', 'Deployment', name, {
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [container], ...spec } },
    },
  })

export const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }
export const roleBinding = (name: string): object =>
  object('rbac.authorization.k8s.io/v1', 'RoleBinding', name, {
    metadata: { namespace: 'shop' },
    roleRef: role,
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'mallory' }],
  })
