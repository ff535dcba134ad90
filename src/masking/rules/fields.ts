import type { FieldRule } from '../contract.ts'
import { SHIPPED_NAME } from './defaults.ts'
import { comparePaths } from './path.ts'
import type { CompiledRule } from './rule.ts'

/** Field rules of one kind of object. */
export interface KindFields {
  readonly fields: readonly FieldRule[]
  /** There are some, and all are an operator's. */
  readonly own: boolean
}

const NONE: KindFields = Object.freeze({ fields: [], own: false })

/** Names of kinds come from objects: somebody may make up as many as he likes. */
const MOST_KINDS = 1000

/** Answers by group and kind; `rules` stand in the order in which they come first. */
export function fieldsByKind(rules: readonly CompiledRule[]): (group: string, kind: string) => KindFields {
  const placed = rules.flatMap(rule =>
    rule.fields.map(f => ({ ...f, shipped: rule.source === SHIPPED_NAME })),
  )
  const anyGroup = placed.some(f => f.groups.includes('*'))
  const groups = new Set(placed.flatMap(f => f.groups))
  const anyKind = placed.some(f => f.kinds.includes('*'))
  const kinds = new Set(placed.flatMap(f => f.kinds))
  const known = new Map<string, Map<string, KindFields>>()
  let size = 0

  function make(group: string, kind: string): KindFields {
    const here = placed.filter(
      f =>
        (f.groups.includes('*') || f.groups.includes(group)) &&
        (f.kinds.includes('*') || f.kinds.includes(kind)),
    )
    if (here.length === 0) return NONE
    // Sorting is stable: what is equally special stays in the order of the rules.
    const fields = here.map(f => f.field).sort((a, b) => comparePaths(a.path, b.path))
    return { fields, own: here.every(f => !f.shipped) }
  }

  return (group, kind) => {
    const found = known.get(group)?.get(kind)
    if (found !== undefined) return found
    if (!(anyGroup || groups.has(group)) || !(anyKind || kinds.has(kind))) return NONE
    const made = make(group, kind)
    if (size < MOST_KINDS) {
      size++
      const inGroup = known.get(group)
      if (inGroup === undefined) known.set(group, new Map([[kind, made]]))
      else inGroup.set(kind, made)
    }
    return made
  }
}
