import { KeyTable } from '../../kubernetes/json/key-table.ts'
import type { ActiveRules, MaskRule, TellTale } from '../contract.ts'

/** What is known of a member's name, worked out once. */
export interface Name {
  readonly text: string
  /** As a segment of a JSON pointer (RFC 6901), with the slash before it. */
  readonly segment: string
  readonly key: { readonly rule: MaskRule; readonly strength: TellTale } | undefined
  readonly role: Role
  /** Whether it identifies an object, as a member of its metadata. */
  readonly isIdentity: boolean
}

/** Names that mean something to the walk itself. */
const ROLES = [
  'apiVersion',
  'kind',
  'metadata',
  'name',
  'key',
  'value',
  'uid',
  'namespace',
  'resourceVersion',
  'managedFields',
  'items',
  'rows',
  'cells',
  'object',
  'message',
  'fieldsV1',
  'columnDefinitions',
] as const
export type Role = 'none' | (typeof ROLES)[number]
const roles: ReadonlyMap<string, Role> = new Map(ROLES.map(role => [role, role]))

/** A client could do nothing with an object without these, and they name what was masked. */
const IDENTITY: ReadonlySet<string> = new Set([
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'selfLink',
  'continue',
  'creationTimestamp',
  'deletionTimestamp',
  'ownerReferences',
])

const MOST_NAMES = 4096
const REPLACED = String.fromCharCode(0xfffd)
/** More than texts within texts are opened. */
const LAYERS = 8

/**
 * Numbers for names, and what the rules say of each. It outlives one answer, as Kubernetes' names repeat for ever; when
 * strangers' names have filled it, another takes its place for those that begin then. Never emptied: an answer that is
 * half read would take the new numbers for its own.
 */
export class Names {
  readonly keys: KeyTable
  readonly #rules: ActiveRules
  readonly #known: Name[] = []
  /** By number and layer: `FingerprintFinder.changes` when nothing was found in the name, or undefined. */
  readonly #clean: (number | undefined)[] = []

  constructor(rules: ActiveRules) {
    this.#rules = rules
    // The table asks about each new name once, in the order of the numbers that it gives.
    this.keys = new KeyTable(text => {
      this.#known.push({
        text,
        segment: `/${escapeSegment(text)}`,
        key: this.#rules.key(text),
        role: roles.get(text) ?? 'none',
        isIdentity: IDENTITY.has(text),
      })
      return false
    })
  }

  of(id: number): Name {
    return this.#known[id]!
  }

  /** Whether nothing was found in the name itself, in a text of this layer, and nothing has changed since. */
  isClean(id: number, layer: number, changes: number): boolean {
    return layer < LAYERS && this.#clean[id * LAYERS + layer] === changes
  }

  setClean(id: number, layer: number, changes: number): void {
    // Names that are no UTF-8 may share a number.
    if (layer >= LAYERS || this.of(id).text.includes(REPLACED)) return
    // Holes would make the array slow.
    while (this.#clean.length < (id + 1) * LAYERS) this.#clean.push(undefined)
    this.#clean[id * LAYERS + layer] = changes
  }

  get isFull(): boolean {
    return this.keys.size > MOST_NAMES
  }
}

export function escapeSegment(text: string): string {
  return text.replaceAll('~', '~0').replaceAll('/', '~1')
}
