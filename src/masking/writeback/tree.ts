import { type JsonDocument, type Node, NUMBER } from '../../kubernetes/json/document.ts'
import { elementsOf, membersOf } from './atlas.ts'

/** A string, number or literal, as JSON; `hidden` when its view shows something else. */
export interface Leaf {
  readonly json: string
  readonly hidden: Hidden | null
}

export interface Hidden {
  /** What is there, and what is seen of it; empty when the view leaves it out. */
  readonly real: string
  readonly seen: string
}

export type Tree = Leaf | Tree[] | Map<string, Tree>

/**
 * An object as a tree that can be changed, in which each value knows whether it is masked. `seen` is its view: the same
 * object with placeholders. What the view lacks is hidden, or, with `lacking: 'plain'`, is what its writer knows.
 */
export function treeOf(real: JsonDocument, seen: JsonDocument, lacking: 'hidden' | 'plain'): Tree {
  return treeAt(real, 0, seen, 0, lacking)
}

function treeAt(
  real: JsonDocument,
  a: Node,
  seen: JsonDocument,
  b: Node | undefined,
  lacking: 'hidden' | 'plain',
): Tree {
  if (real.isObject(a)) {
    const members = new Map<string, Tree>()
    for (const { name, value } of membersOf(real, a)) {
      members.set(name, treeAt(real, value, seen, seen.member(b, name), lacking))
    }
    return members
  }
  if (real.isArray(a)) {
    const others = b === undefined ? [] : elementsOf(seen, b)
    return elementsOf(real, a).map((element, i) => treeAt(real, element, seen, others[i], lacking))
  }
  const there = scalar(real, a)
  const shown = b === undefined ? '' : scalar(seen, b)
  const isHidden = b === undefined ? lacking === 'hidden' : shown !== there
  const text = real.text(a)
  return {
    json: text === undefined ? there : JSON.stringify(text),
    hidden: isHidden ? { real: there, seen: shown } : null,
  }
}

/** The text of a string, the digits of a number, the word of a literal. */
export function scalar(document: JsonDocument, node: Node): string {
  if (document.kind(node) === NUMBER) return document.numberText(node)
  return document.text(node) ?? String(document.isObject(node) ? '' : document.value(node))
}

export function isLeaf(tree: Tree): tree is Leaf {
  return !(tree instanceof Map) && !Array.isArray(tree)
}

export function copyOf(tree: Tree): Tree {
  if (tree instanceof Map) return new Map([...tree].map(([name, value]) => [name, copyOf(value)]))
  return Array.isArray(tree) ? tree.map(copyOf) : tree
}

export function jsonOf(tree: Tree): string {
  if (Array.isArray(tree)) return `[${tree.map(jsonOf).join(',')}]`
  if (!(tree instanceof Map)) return tree.json
  return `{${[...tree].map(([name, value]) => `${JSON.stringify(name)}:${jsonOf(value)}`).join(',')}}`
}
