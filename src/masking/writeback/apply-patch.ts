import { applyOperations } from './apply-operations.ts'
import { copyOf, isLeaf, type Tree } from './tree.ts'

/**
 * What an object may be after a patch, for the one question what would be seen of it. Merge patches (RFC 7396) and JSON
 * patches (RFC 6902) are exact. Of strategic merge and server-side apply the keys of lists are not known here: each
 * element is laid over all elements that it may mean, so the result has more elements than there will be. Null: it
 * cannot be told.
 */
export function applyPatch(live: Tree, patch: Tree, form: string): Tree | null {
  if (form === 'json-patch') return applyOperations(live, patch)
  return form === 'merge-patch' ? merged(live, patch) : overlaid(live, patch)
}

const isNull = (tree: Tree): boolean => isLeaf(tree) && tree.json === 'null'

function merged(target: Tree | undefined, patch: Tree): Tree {
  if (!(patch instanceof Map)) return patch
  const result = new Map(target instanceof Map ? target : [])
  for (const [name, value] of patch) {
    if (isNull(value)) result.delete(name)
    else result.set(name, merged(result.get(name), value))
  }
  return result
}

function overlaid(target: Tree | undefined, patch: Tree): Tree {
  if (patch instanceof Map) {
    const result = new Map(target instanceof Map ? target : [])
    for (const [name, value] of patch) {
      if (isNull(value)) result.delete(name)
      else result.set(name, overlaid(result.get(name), value))
    }
    return result
  }
  if (!Array.isArray(patch) || !Array.isArray(target)) return patch
  const both = [...target, ...patch]
  for (const element of patch) {
    if (!(element instanceof Map)) continue
    for (const other of target) {
      if (other instanceof Map && mayBeSame(element, other)) both.push(overlaid(copyOf(other), element))
    }
  }
  return both
}

/** Whether two elements have some member in common by which a list may tell them. */
function mayBeSame(a: Map<string, Tree>, b: Map<string, Tree>): boolean {
  for (const [name, value] of a) {
    const other = b.get(name)
    if (other !== undefined && isLeaf(value) && isLeaf(other) && value.json === other.json) return true
  }
  return false
}
