import type { PolicyRule } from '../../documents/schema/policy.ts'
import type { ShownPart } from '../decision.ts'
import { compileGlobList } from '../glob.ts'
import { ordinaryRiskClasses } from '../risk-classes.ts'
import { groupUp } from './group-up.ts'
import type { Observed } from './observed.ts'

type Principals = NonNullable<PolicyRule['match']['principals']>

/** Rules for what was shown in part, of one connection: they show the same part, and allow what lies within it. */
export function rulesForParts(seen: readonly Observed[], principals: Principals): PolicyRule[] {
  const byPart = new Map<string, { shown: ShownPart; seen: Observed[] }>()
  for (const o of seen) {
    for (const part of o.part ?? []) {
      const shown = o.namespace === '' ? part : { ...part, namespaces: [o.namespace] }
      const id = JSON.stringify([shown.namespaces, shown.resourceNames, shown.labels])
      const known = byPart.get(id) ?? { shown, seen: [] }
      known.seen.push({ ...o, namespace: '' })
      byPart.set(id, known)
    }
  }
  return [...byPart.values()].flatMap(({ shown, seen: of }) =>
    groupUp(
      of,
      o => [o.verb],
      o => o.risks.filter(risk => !ordinaryRiskClasses.has(risk)),
    ).map(
      (group): PolicyRule => ({
        name: '',
        effect: 'allow',
        ...(group.verbs.some(verb => verb !== 'get') ? { filter: true } : {}),
        match: {
          principals,
          connections: [of[0]!.connection],
          ...(shown.namespaces === undefined ? {} : { namespaces: [...shown.namespaces] }),
          ...(shown.resourceNames === undefined ? {} : { resourceNames: [...shown.resourceNames] }),
          ...(shown.labels === undefined ? {} : { labels: labelsOf(shown.labels) }),
          verbs: [...group.verbs],
          apiGroups: [group.apiGroup],
          resources: [...group.resources],
          ...(group.risks.length === 0 ? {} : { riskClasses: group.risks as never }),
        },
      }),
    ),
  )
}

/** What was seen beside parts, and that no part covers as a whole. */
export function withoutParts(seen: readonly Observed[]): readonly Observed[] {
  const parts = seen.filter(o => o.part !== undefined)
  return seen.filter(o => o.part === undefined && !parts.some(part => lies(o, part)))
}

function lies(o: Observed, within: Observed): boolean {
  return (
    o.verb === within.verb &&
    o.apiGroup === within.apiGroup &&
    o.resource === within.resource &&
    o.subresource === within.subresource &&
    o.namespace !== '' &&
    o.risks.every(risk => ordinaryRiskClasses.has(risk) || within.risks.includes(risk)) &&
    within.part!.some(
      ({ namespaces, resourceNames, labels }) =>
        resourceNames === undefined &&
        labels === undefined &&
        namespaces !== undefined &&
        compileGlobList(namespaces).has(o.namespace),
    )
  )
}

/** A selector of `key=value` pairs. */
function labelsOf(selector: string): Record<string, string> {
  return Object.fromEntries(
    selector.split(',').map(pair => {
      const equals = pair.indexOf('=')
      return [pair.slice(0, equals), pair.slice(equals + 1)]
    }),
  )
}
