import { copyOf, isLeaf, type Tree } from './tree.ts'

/**
 * The object after the operations of a JSON patch (RFC 6902). Null when one of them does not fit, or counts elements in a
 * way that only some readers understand: `-1` is the last one to kube-apiserver, and `01` is 1. `test` changes nothing.
 */
export function applyOperations(live: Tree, patch: Tree): Tree | null {
  if (!Array.isArray(patch)) return null
  let root: Tree | null = copyOf(live)
  for (const operation of patch) {
    if (root === null || !(operation instanceof Map)) return null
    const op = textOf(operation.get('op'))
    const path = textOf(operation.get('path'))
    const from = textOf(operation.get('from'))
    const value = operation.get('value')
    switch (op) {
      case 'test':
        break
      case 'add':
      case 'replace':
        root = value === undefined ? null : put(root, path, copyOf(value), op)
        break
      case 'remove':
        root = taken(root, path) === undefined ? null : root
        break
      case 'move':
      case 'copy': {
        const found: Tree | undefined = op === 'move' ? taken(root, from) : at(root, segmentsOf(from))
        root = found === undefined ? null : put(root, path, copyOf(found), 'add')
        break
      }
      default:
        return null
    }
  }
  return root
}

function textOf(tree: Tree | undefined): string {
  if (tree === undefined || !isLeaf(tree)) return ''
  const text: unknown = JSON.parse(tree.json)
  return typeof text === 'string' ? text : ''
}

/** Of a JSON pointer (RFC 6901). */
function segmentsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const INDEX = /^(?:0|[1-9]\d{0,6})$/

function at(root: Tree, segments: readonly string[]): Tree | undefined {
  let tree: Tree | undefined = root
  for (const segment of segments) {
    if (tree instanceof Map) tree = tree.get(segment)
    else if (Array.isArray(tree) && INDEX.test(segment)) tree = tree[Number(segment)]
    else return undefined
  }
  return tree
}

/** The root with a value at a path; null when there is no such place. */
function put(root: Tree, path: string, value: Tree, op: 'add' | 'replace'): Tree | null {
  const segments = segmentsOf(path)
  const last = segments.pop()
  if (last === undefined) return value
  const parent = at(root, segments)
  if (parent instanceof Map) {
    if (op === 'replace' && !parent.has(last)) return null
    parent.set(last, value)
    return root
  }
  if (!Array.isArray(parent)) return null
  if (op === 'add' && last === '-') {
    parent.push(value)
    return root
  }
  if (!INDEX.test(last) || Number(last) >= parent.length + (op === 'add' ? 1 : 0)) return null
  parent.splice(Number(last), op === 'add' ? 0 : 1, value)
  return root
}

/** Takes what stands at a path out of the root. */
function taken(root: Tree, path: string): Tree | undefined {
  const segments = segmentsOf(path)
  const last = segments.pop()
  if (last === undefined) return undefined
  const parent = at(root, segments)
  const found = parent === undefined ? undefined : at(parent, [last])
  if (found === undefined) return undefined
  if (parent instanceof Map) parent.delete(last)
  else if (Array.isArray(parent)) parent.splice(Number(last), 1)
  return found
}
