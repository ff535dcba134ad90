import { isLeaf, type Tree } from './tree.ts'

type Members = ReadonlyMap<string, Tree>

/**
 * The live object without what a server-side apply takes away: fields that its manager has applied before, alone, and does
 * not name any more (KEP-555). `live` is changed.
 *
 * @param manager The `fieldManager` of the request, which anybody may call himself.
 */
export function withoutAbandoned(live: Tree, patch: Tree, manager: string): Tree {
  const metadata = live instanceof Map ? live.get('metadata') : undefined
  const entries = metadata instanceof Map ? metadata.get('managedFields') : undefined
  if (!Array.isArray(entries)) return live
  const own: Members[] = []
  const others: Members[] = []
  for (const entry of entries) {
    if (!(entry instanceof Map)) continue
    const fields = entry.get('fieldsV1')
    if (!(fields instanceof Map)) continue
    const isOwn = textOf(entry.get('manager')) === manager && textOf(entry.get('operation')) === 'Apply'
    ;(isOwn ? own : others).push(fields)
  }
  for (const fields of own) abandon(live, fields, patch, others)
  return live
}

function abandon(tree: Tree, owned: Members, patch: Tree | undefined, others: readonly Members[]): void {
  for (const [step, below] of owned) {
    if (step === '.' || !(below instanceof Map)) continue
    const child = childAt(tree, step)
    if (child === undefined) continue
    const named = patch === undefined ? undefined : childAt(patch, step)
    const theirs = others.flatMap(other => {
      const there = other.get(step)
      return there instanceof Map ? [there] : []
    })
    const isWhole = below.size === 0 || below.has('.')
    if (named === undefined && isWhole && theirs.length === 0) remove(tree, step, child)
    else abandon(child, below, named, theirs)
  }
}

/** `f:name` is a member, `k:{…}` an element by some of its members; elements of sets (`v:`) have nothing beside them. */
function childAt(tree: Tree, step: string): Tree | undefined {
  if (step.startsWith('f:')) return tree instanceof Map ? tree.get(step.slice(2)) : undefined
  if (!step.startsWith('k:') || !Array.isArray(tree)) return undefined
  const keys = Object.entries(JSON.parse(step.slice(2)) as Record<string, unknown>)
  return tree.find(
    element =>
      element instanceof Map &&
      keys.every(([name, value]) => {
        const member = element.get(name)
        return member !== undefined && isLeaf(member) && member.json === JSON.stringify(value)
      }),
  )
}

function remove(tree: Tree, step: string, child: Tree): void {
  if (tree instanceof Map) tree.delete(step.slice(2))
  else if (Array.isArray(tree)) tree.splice(tree.indexOf(child), 1)
}

function textOf(tree: Tree | undefined): string | null {
  return tree !== undefined && isLeaf(tree) && tree.json.startsWith('"') ? JSON.parse(tree.json) : null
}
