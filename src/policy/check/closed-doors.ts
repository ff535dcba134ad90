import type { PolicyRule } from '../../documents/schema/policy.ts'
import type { Path } from '../../documents/yaml-source.ts'
import { riskOf } from '../risk.ts'
import { ordinaryRiskClasses } from '../risk-classes.ts'

/** Resources of an allow rule that stay closed because the rule does not name their risk class. */
export function closedDoors(rule: PolicyRule): { readonly path: Path; readonly message: string }[] {
  const { resources, apiGroups, verbs, riskClasses = [] } = rule.match
  if (resources === undefined || apiGroups === undefined || verbs === undefined) return []
  if (riskClasses.includes('*')) return []
  const named = resources.flatMap((text, i) => (text.includes('*') ? [] : [{ text, i }]))
  return named.flatMap(({ text, i }) => {
    const [resource, subresource = ''] = text.split('/') as [string, string?]
    const needed = new Set<string>()
    for (const verb of verbs.includes('*') ? ['get', 'create', 'update'] : verbs) {
      const all = apiGroups
        .filter(group => group !== '*')
        .map(apiGroup =>
          riskOf({
            isResource: true,
            verb,
            apiGroup,
            resource,
            subresource,
            namespace: '',
            name: 'x',
            body: null,
            impersonate: null,
          }),
        )
      // As soon as one verb gets through, the rule does something; which verbs do not is for its author to know.
      if (all.some(risk => risk === 'none' || ordinaryRiskClasses.has(risk) || riskClasses.includes(risk)))
        return []
      for (const risk of all) needed.add(risk)
    }
    if (needed.size === 0) return []
    const message = `covers no request: it takes riskClasses: [${[...needed].join(', ')}] to open this`
    return [{ path: ['match', 'resources', i], message }]
  })
}
