import { KeyTable } from '../../kubernetes/json/key-table.ts'
import type { ActiveRules, MaskRule, TellTale } from '../contract.ts'

/** What is known of a member's name, worked out once. */
export interface Name {
  readonly text: string
  /** As a segment of a JSON pointer (RFC 6901), with the slash before it. */
  readonly segment: string
  readonly key: { readonly rule: MaskRule; readonly strength: TellTale } | undefined
  readonly role: Role
}

/** Names that mean something to the walk itself. */
export type Role =
  | 'none'
  | 'apiVersion'
  | 'kind'
  | 'metadata'
  | 'annotations'
  | 'name'
  | 'key'
  | 'value'
  | 'uid'
  | 'items'
  | 'rows'
  | 'cells'
  | 'object'
  | 'message'
  | 'columnDefinitions'

const ROLES: ReadonlyMap<string, Role> = new Map(
  (
    [
      'apiVersion',
      'kind',
      'metadata',
      'annotations',
      'name',
      'key',
      'value',
      'uid',
      'items',
      'rows',
      'cells',
      'object',
      'message',
      'columnDefinitions',
    ] as const
  ).map(role => [role, role]),
)

/**
 * Numbers for names, and what the rules say of each. It outlives one answer, as Kubernetes' names repeat for ever, and is
 * emptied when strangers' names have filled it: `renew` between answers only.
 */
export class Names {
  readonly keys: KeyTable
  readonly #rules: ActiveRules
  #known: Name[] = []

  constructor(rules: ActiveRules) {
    this.#rules = rules
    // The table asks about each new name once, in the order of the numbers that it gives.
    this.keys = new KeyTable(text => {
      this.#known.push({
        text,
        segment: `/${escapeSegment(text)}`,
        key: this.#rules.key(text),
        role: ROLES.get(text) ?? 'none',
      })
      return false
    })
  }

  of(id: number): Name {
    return this.#known[id]!
  }

  renew(): void {
    const before = this.keys.size
    this.keys.forgetIfFull()
    if (this.keys.size < before) this.#known = []
  }
}

export function escapeSegment(text: string): string {
  return text.replaceAll('~', '~0').replaceAll('/', '~1')
}
