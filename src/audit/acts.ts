import type { StateStore } from '../store/store.ts'
import type { EntryKind, Head, NewEntry } from './entry.ts'
import type { OpenAuditLog } from './log/contract.ts'
import type { Person } from './person.ts'
import type { AuditIndex } from './search/contract.ts'

export type Actor = NonNullable<Head['principal']>

/** What the gateway does by itself. */
export const SELF: Actor = {
  issuer: 'sallyport:self',
  subject: 'gateway',
  username: 'sallyport',
  groups: [],
  kind: 'sallyport',
  method: 'none',
}

/** Of somebody who was remembered, not signed in at this moment. */
export function actorOf({ issuer, subject, username }: Person): Actor {
  return { issuer, subject, username, groups: [], kind: 'person', method: 'remembered' }
}

/** What those stand on who act on the log itself. */
export interface ActParts {
  readonly store: StateStore
  readonly log: OpenAuditLog
  readonly index: AuditIndex
  readonly now: () => number
  readonly newId: () => string
  readonly policyDigest: () => string
  /** Whether documents say that two accounts belong to one human. */
  readonly linked?: (one: Person, other: Person) => boolean
}

/** An entry about what somebody does to the log itself: reveals, holds, destroyed keys. */
export function actEntry(
  act: {
    readonly id: string
    readonly kind: EntryKind
    readonly principal: Actor
    readonly policyDigest: string | null
    readonly epoch?: string
  },
  facts: Readonly<Record<string, unknown>>,
): NewEntry {
  const { id, kind, principal, policyDigest, epoch } = act
  return {
    call: id,
    kind,
    phase: 'state',
    session: null,
    effect: null,
    policyDigest,
    ...(epoch === undefined ? {} : { epoch }),
    head: { principal, facts },
  }
}
