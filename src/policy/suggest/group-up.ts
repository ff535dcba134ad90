import type { Observed } from './observed.ts'

export interface Group {
  readonly namespaces: readonly string[]
  readonly apiGroup: string
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly risks: readonly string[]
}

/** Put together only where the product of the lists is exactly what was seen. */
export function groupUp(
  seen: readonly Observed[],
  verbsOf: (o: Observed) => readonly string[],
  risksOf: (o: Observed) => readonly string[],
): Group[] {
  // Per namespace and resource: verbs that need the same risk classes stand together.
  const verbs = new Map<string, { o: Observed; verbs: Map<string, Set<string>> }>()
  for (const o of seen) {
    const key = JSON.stringify([o.namespace, o.apiGroup, o.resource, o.subresource])
    const known = verbs.get(key) ?? { o, verbs: new Map<string, Set<string>>() }
    verbs.set(key, known)
    for (const verb of verbsOf(o)) {
      const risks = known.verbs.get(verb) ?? new Set<string>()
      for (const risk of risksOf(o)) risks.add(risk)
      known.verbs.set(verb, risks)
    }
  }
  const cells: Group[] = []
  for (const { o, verbs: byVerb } of verbs.values()) {
    // What is allowed in all namespaces needs no second word for one of them.
    const wide = verbs.get(JSON.stringify(['', o.apiGroup, o.resource, o.subresource]))?.verbs
    if (o.namespace !== '' && wide !== undefined) {
      for (const [verb, risks] of byVerb) {
        const there = wide.get(verb)
        if (there !== undefined && [...risks].every(risk => there.has(risk))) byVerb.delete(verb)
      }
    }
    const byRisk = new Map<string, { verbs: string[]; risks: string[] }>()
    for (const [verb, set] of byVerb) {
      const risks = [...set].sort()
      const cell = byRisk.get(risks.join()) ?? { verbs: [], risks }
      cell.verbs.push(verb)
      byRisk.set(risks.join(), cell)
    }
    const resource = o.subresource === '' ? o.resource : `${o.resource}/${o.subresource}`
    for (const cell of byRisk.values()) {
      cells.push({
        namespaces: [o.namespace],
        apiGroup: o.apiGroup,
        resources: [resource],
        verbs: cell.verbs.sort(),
        risks: cell.risks,
      })
    }
  }
  const byResource = merged(
    cells,
    c => [c.namespaces, c.apiGroup, c.verbs, c.risks],
    (a, b) => ({
      ...a,
      resources: unique([...a.resources, ...b.resources]).sort(),
    }),
  )
  // What is in no namespace, or in all, is a rule of its own: left out, `namespaces` means all of them.
  return merged(
    byResource,
    c => [c.namespaces[0] === '', c.apiGroup, c.resources, c.verbs, c.risks],
    (a, b) => ({ ...a, namespaces: unique([...a.namespaces, ...b.namespaces]).sort() }),
  )
}

function merged(
  groups: readonly Group[],
  keyOf: (g: Group) => unknown,
  join: (a: Group, b: Group) => Group,
): Group[] {
  const known = new Map<string, Group>()
  for (const group of groups) {
    const key = JSON.stringify(keyOf(group))
    const before = known.get(key)
    known.set(key, before === undefined ? group : join(before, group))
  }
  return [...known.values()]
}

export function unique(list: readonly string[]): string[] {
  return [...new Set(list)]
}
