import type { JsonDocument, Node } from './document.ts'

/** Bytes of a text that are replaced; `text` is JSON already. */
export interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A member of an object, or an element of an array, put first. */
export function insertFirst(document: JsonDocument, node: Node, text: string): Replacement {
  const at = document.offset(node) + 1
  return { start: at, end: at, text: isEmpty(document, node) ? text : `${text},` }
}

/** The same, put last. */
export function insertLast(document: JsonDocument, node: Node, text: string): Replacement {
  const at = document.end(node) - 1
  return { start: at, end: at, text: isEmpty(document, node) ? text : `,${text}` }
}

function isEmpty(document: JsonDocument, node: Node): boolean {
  return document.first(node) >= document.after(node)
}

/** All other bytes stay. */
export function applyReplacements(bytes: Uint8Array, replacements: readonly Replacement[]): Buffer {
  const parts: Uint8Array[] = []
  let from = 0
  for (const { start, end, text } of [...replacements].sort((a, b) => a.start - b.start)) {
    parts.push(bytes.subarray(from, start), Buffer.from(text))
    from = end
  }
  parts.push(bytes.subarray(from))
  return Buffer.concat(parts)
}
