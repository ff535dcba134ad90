/** A rule of a role, as the API server has it. */
export interface RoleRule {
  readonly verbs?: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

/** `spec` of a SelfSubjectAccessReview. */
export type ReviewSpec =
  | { readonly resourceAttributes: Readonly<Record<string, string>> }
  | { readonly nonResourceAttributes: { readonly verb: string; readonly path: string } }

/**
 * What to ask to see whether a binding to a role with these rules is in force: a right of its first rule and one of its
 * last, so that another binding that happens to give one of them is hardly taken for it. None: the role is empty.
 */
export function probesOf(rules: readonly RoleRule[], namespace: string): ReviewSpec[] {
  const all = rules.map(rule => probeOf(rule, namespace)).filter(probe => probe !== undefined)
  return all.length > 1 ? [all[0]!, all.at(-1)!] : all
}

function probeOf(rule: RoleRule, namespace: string): ReviewSpec | undefined {
  const verb = rule.verbs?.at(-1)
  if (verb === undefined) return undefined
  const [whole] = rule.resources ?? []
  const [group] = rule.apiGroups ?? []
  if (whole !== undefined && group !== undefined) {
    const slash = whole.indexOf('/')
    const name = rule.resourceNames?.[0]
    return {
      resourceAttributes: {
        verb,
        group,
        resource: slash < 0 ? whole : whole.slice(0, slash),
        ...(slash < 0 ? {} : { subresource: whole.slice(slash + 1) }),
        ...(name === undefined ? {} : { name }),
        ...(namespace === '' ? {} : { namespace }),
      },
    }
  }
  const [path] = rule.nonResourceURLs ?? []
  // Paths are given by bindings of the whole cluster only.
  return path === undefined || namespace !== '' ? undefined : { nonResourceAttributes: { verb, path } }
}
