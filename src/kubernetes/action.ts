/**
 * One Kubernetes request in protocol-neutral form. Policy, audit and search speak of this, never of URLs.
 */
export interface KubernetesAction {
  readonly protocol: 'k8s'
  /** RBAC's verb. exec, attach and portforward are always `create`, whatever the HTTP method. */
  readonly verb: string
  readonly isResource: boolean
  readonly apiGroup: string
  readonly apiVersion: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** The rebuilt path; what non-resource rules match. */
  readonly path: string
  readonly query: QueryFacts
  readonly body: BodyFacts | null
  /**
   * The object before an update or a patch, for conditions; null: there is none. Absent: it is not known, and a condition
   * that asks cannot be answered.
   */
  readonly before?: unknown
  /** Another identity that the caller asks for with `--as`; a denied action unless a rule allows it. */
  /** Images that the body named, of a recorded call only. Absent: they are found in the body (`policy/fields/images.ts`). */
  readonly images?: readonly string[] | null
  readonly impersonate: ImpersonationRequest | null
  /** Second doors and other dangerous effects, from the one table in `policy/risk.ts`; `none` when nothing applies. */
  readonly risk: string
  /** All classes that apply, gravest first (`risksOf` of `policy/risk.ts`); `risk` is the first. Absent: `risk` is the only one. */
  readonly risks?: readonly string[]
  /** Whether objects of this resource live in namespaces, from discovery. Absent: not known. */
  readonly namespaced?: boolean
  /**
   * Every name under which the same stored objects are reachable (events have two groups), the canonical one first. A deny
   * or hold rule on one of them means all. Absent: there is no other name.
   */
  readonly sameStorage?: readonly { readonly apiGroup: string; readonly resource: string }[]
  /** Of one object of an answer: what is known when it is there. Absent: no single object, or not known yet. */
  readonly labels?: ReadonlyMap<string, string>
  /** False for get, list and watch: these may run while the intent is being committed. */
  readonly hasSideEffect: boolean
  /** watch, log follow, proxy and the upgrade subresources: open-ended answers. */
  readonly longRunning: boolean
}

export interface QueryFacts {
  readonly fieldSelector: string
  readonly labelSelector: string
  readonly dryRun: boolean
  readonly follow: boolean
  readonly container: string
  /** In order, repeated values kept (a map would show half of a command). */
  readonly command: readonly string[]
}

export interface BodyFacts {
  /** `group/version` or `version`. */
  readonly apiVersion: string
  readonly kind: string
  /** `metadata.name` or `metadata.generateName` + `*` of a create. */
  readonly name: string
  readonly namespace: string
  /** `json-patch`, `merge-patch`, `strategic-merge-patch`, `apply-patch` or `object`. */
  readonly form: string
  /** `object` is what comes of the write, by a dry run, and not the words of the request. */
  readonly result?: true
  /** Decoded view for conditions and risk; null-prototype objects only, never a source of bytes. */
  readonly object: unknown
}

export interface ImpersonationRequest {
  readonly user: string
  readonly groups: readonly string[]
  readonly uid: string
  readonly extra: readonly (readonly [key: string, value: string])[]
}
