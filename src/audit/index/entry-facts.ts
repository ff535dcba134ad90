import { hash } from 'node:crypto'
import { principalKey } from '../../identity/principal.ts'
import type { Head } from '../entry.ts'
import type { Leaf } from '../heads/leaf.ts'
import type { PackedEntry } from './pack.ts'

/** What both engines keep of an entry. */
export interface EntryFacts {
  readonly seq: number
  readonly leaf: Leaf
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly head: Head
  /** JSON. */
  readonly headText: string | null
  /** RFC 6962. */
  readonly hash: Uint8Array
  /** JSON: `[side, class, bytes]` of each body; what `show` says about one that it does not open. */
  readonly bodies: string | null
  /** Values of the head, and the text of bodies that may be shown; null when there are none. */
  readonly words: string | null
  readonly entry: PackedEntry
}

const LEAF_PREFIX = Buffer.from([0])

export function factsOf(seq: number, entry: PackedEntry): EntryFacts {
  const leaf = JSON.parse(entry.leaf.toString('latin1')) as Leaf
  const headText = entry.head?.toString() ?? null
  const head = headText === null ? {} : (JSON.parse(headText) as Head)
  const words: string[] = []
  gatherWords(head, words)
  if (entry.text !== null) words.push(entry.text.toString())
  return {
    seq,
    leaf,
    time: Date.parse(leaf.time),
    head,
    headText,
    hash: hash('sha256', Buffer.concat([LEAF_PREFIX, entry.leaf]), 'buffer'),
    bodies: bodiesOf(leaf),
    words: words.length === 0 ? null : words.join('\n'),
    entry,
  }
}

/** Columns of a call that searches ask for; `rules` between line feeds. */
export function columnsOf(head: Head) {
  const action = head.action ?? {}
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
  const rules = head.decision?.rules ?? []
  return {
    person: head.principal?.username ?? null,
    principal: head.principal === undefined ? null : principalKey(head.principal),
    connection: head.connection ?? null,
    verb: text(action.verb),
    grp: text(action.apiGroup),
    resource: text(action.resource),
    subresource: text(action.subresource),
    namespace: text(action.namespace),
    name: text(action.name),
    rules: rules.length === 0 ? null : `\n${rules.join('\n')}\n`,
    code: head.result?.code ?? null,
  }
}

function bodiesOf(leaf: Leaf): string | null {
  const bodies = []
  if (leaf.request !== undefined) bodies.push(['request', leaf.request.class, leaf.request.n])
  if (leaf.response !== undefined) bodies.push(['response', leaf.response.class, leaf.response.n])
  return bodies.length === 0 ? null : JSON.stringify(bodies)
}

/** Values, not names of fields: everybody's head has a `username`. */
function gatherWords(value: unknown, into: string[]): void {
  if (typeof value === 'string') into.push(value)
  else if (typeof value === 'number') into.push(String(value))
  else if (Array.isArray(value)) for (const item of value) gatherWords(item, into)
  else if (value !== null && typeof value === 'object') {
    for (const name of Object.keys(value)) gatherWords((value as Record<string, unknown>)[name], into)
  }
}
