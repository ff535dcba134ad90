import { type Actor, actEntry } from '../audit/acts.ts'
import type { AuditLog, EntryKind } from '../audit/entry.ts'
import type { Person } from '../audit/person.ts'
import { Refusal } from '../errors/refusal.ts'
import { principalKey } from '../identity/principal.ts'
import type { ChangeFeed } from '../store/change-feed.ts'
import { unavailableOrConflict } from '../store/failures.ts'
import { type Change, type StateStore, StoreConflict, type Stored } from '../store/store.ts'
import type { Claim } from './alone.ts'
import type { Approval, Delegation, Grant } from './contract.ts'
import { rememberShown, type Shown } from './deciding/shown.ts'
import { type Followed, followAll } from './followed.ts'
import type { Linked } from './linked-accounts.ts'

export const APPROVAL_KIND = 'approval'
/** By intent: which approval is pending for it. */
export const ASK_KIND = 'approval.ask'
export const GRANT_KIND = 'grant'
/** By approval: which gateway does what is due of it. */
export const CLAIM_KIND = 'approval.claim'
export const DELEGATION_KIND = 'approval.delegation'

/** What asking, deciding and using share: the records as this process knows them, and the one way to move them. */
export interface ApprovalRecords {
  readonly approvals: Followed<Approval>
  readonly grants: Followed<Grant>
  /** Told of each grant that is revoked, here or elsewhere. */
  onGrantEnd(listener: (id: string) => void): void
  readonly delegations: Followed<Delegation>
  readonly shown: Shown
  readonly now: () => number
  readonly newId: () => string
  readonly onError: (error: unknown) => void
  /** Whether documents say that two accounts belong to one human. */
  readonly linked: Linked
  /** Whether this person's credentials of that time are cut off. */
  readonly isRevoked: (person: Person, since: number) => boolean
  append(kind: EntryKind, id: string, by: Actor, facts: Record<string, unknown>): Promise<unknown>
  /** What was written is known here at once. Throws StoreConflict, and Refusal `state-unavailable`. */
  commit(changes: readonly Change[]): Promise<readonly Stored[]>
  /** As it is known here, else as the store has it. Throws Refusal `resource-unknown`. */
  approval(id: string): Promise<Stored<Approval>>
  grant(id: string): Promise<Stored<Grant>>
  /** As the store has it, and from then on known here. */
  newestGrant(id: string): Promise<Stored<Grant> | undefined>
  /** As the store has it, and from then on known here. */
  newest(id: string): Promise<Stored<Approval> | undefined>
  /** Which approval is pending for this intent. */
  pendingFor(intent: string): Promise<Stored<{ id: string }> | undefined>
  claimOf(id: string): Promise<Stored<Claim> | undefined>
  /** After a conflict: what others have written is known here. */
  catchUp(): Promise<void>
  /** When this principal (`principalKey`) has asked for what is known here. */
  asksOf(requester: string): Iterable<number>
  /** Live grants at a target or place. */
  grantsAt(target: string): Iterable<string>
  /** Tells of each change of this approval, and of what it has opened. Returns how to stop. */
  onChange(id: string, wake: (approval: Approval) => void): () => void
  stop(): void
}

export interface RecordParts {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly log: Pick<AuditLog, 'append'>
  readonly now: () => number
  readonly newId: () => string
  readonly policyDigest: () => string
  readonly onError: (error: unknown) => void
  /** Absent: no accounts are linked. */
  readonly linked?: Linked
  /** Absent: nobody is. */
  readonly isRevoked?: (person: Person, since: number) => boolean
}

export async function openRecords(parts: RecordParts): Promise<ApprovalRecords> {
  const { store, feed, now, newId, onError } = parts
  const waiting = new Map<string, Set<(approval: Approval) => void>>()
  const grantsByTarget = new Map<string, Set<string>>()
  const asksByRequester = new Map<string, Map<string, number>>()
  const grantListeners: ((id: string) => void)[] = []

  function tellOfGrant({ approval }: Grant): void {
    const wakes = waiting.get(approval)
    const one = wakes === undefined ? undefined : approvals.get(approval)
    if (one !== undefined) for (const wake of wakes!) wake(one.value)
  }

  const approvals = await followAll<Approval>(feed, APPROVAL_KIND, (one, before) => {
    if (one === undefined || before === undefined) countAsk(asksByRequester, one, before)
    if (one === undefined) return
    for (const wake of waiting.get(one.id) ?? []) wake(one)
  })
  const grants = await followAll<Grant>(feed, GRANT_KIND, (one, before) => {
    const { id, target } = (one ?? before)!
    const ids = grantsByTarget.get(target) ?? new Set()
    if (one?.state === 'live') grantsByTarget.set(target, ids.add(id))
    else if (ids.delete(id) && ids.size === 0) grantsByTarget.delete(target)
    tellOfGrant((one ?? before)!)
    if (one?.state !== 'revoked' || before?.state === 'revoked') return
    for (const listener of grantListeners) listener(id)
  })

  const delegations = await followAll<Delegation>(feed, DELEGATION_KIND, () => {})
  const followed = new Map<string, Followed<unknown>>([
    [APPROVAL_KIND, approvals as Followed<unknown>],
    [GRANT_KIND, grants as Followed<unknown>],
    [DELEGATION_KIND, delegations as Followed<unknown>],
  ])

  async function commit(changes: readonly Change[]): Promise<readonly Stored[]> {
    const written = await store.commit(changes).catch(unavailableOrConflict)
    for (const [i, { kind, key, revision, value }] of written.entries()) {
      const into = followed.get(kind)
      if (into === undefined) continue
      if (value === null) into.remove(key, revision)
      else into.put({ ...written[i]!, value: (changes[i] as { value?: unknown }).value })
    }
    return written
  }

  return {
    shown: rememberShown(store, now, onError),
    ...{ approvals, grants, delegations, now, newId, onError, commit },
    linked: parts.linked ?? (() => false),
    isRevoked: parts.isRevoked ?? (() => false),
    append: (kind, id, principal, facts) =>
      parts.log.append(actEntry({ id, kind, principal, policyDigest: parts.policyDigest() }, facts)),
    async approval(id) {
      const found =
        approvals.get(id) ?? (await store.get<Approval>(APPROVAL_KIND, id).catch(unavailableOrConflict))
      if (found === undefined) throw unknown('approval', id)
      return found
    },
    async grant(id) {
      const found = grants.get(id) ?? (await store.get<Grant>(GRANT_KIND, id).catch(unavailableOrConflict))
      if (found === undefined) throw unknown('grant', id)
      return found
    },
    async newest(id) {
      const found = await store.get<Approval>(APPROVAL_KIND, id).catch(unavailableOrConflict)
      if (found !== undefined) approvals.put(found)
      return found
    },
    async newestGrant(id) {
      const found = await store.get<Grant>(GRANT_KIND, id).catch(unavailableOrConflict)
      if (found !== undefined) grants.put(found)
      return found
    },
    pendingFor: intent => store.get<{ id: string }>(ASK_KIND, intent).catch(unavailableOrConflict),
    claimOf: id => store.get<Claim>(CLAIM_KIND, id).catch(unavailableOrConflict),
    catchUp: () => feed.catchUp().catch(unavailableOrConflict),
    onGrantEnd: listener => void grantListeners.push(listener),
    asksOf: requester => asksByRequester.get(requester)?.values() ?? [],
    grantsAt: target => grantsByTarget.get(target) ?? [],
    onChange(id, wake) {
      const listeners = waiting.get(id) ?? new Set()
      waiting.set(id, listeners.add(wake))
      return () => {
        if (listeners.delete(wake) && listeners.size === 0) waiting.delete(id)
      }
    },
    stop() {
      approvals.stop()
      grants.stop()
      delegations.stop()
    },
  }
}

/** The next state of an approval, unless somebody else moves it first. */
export function moving(one: Stored<Approval>, value: Approval): Change {
  return { op: 'update', kind: APPROVAL_KIND, key: one.key, version: one.version, value }
}

export function movingGrant(one: Stored<Grant>, value: Grant): Change {
  return { op: 'update', kind: GRANT_KIND, key: one.key, version: one.version, value }
}

export function closed(value: Approval, state: Approval['state'], at: number, because: string): Approval {
  return { ...value, state, closedAt: at, closedBecause: because }
}

export function over({ state, closedBecause }: Approval): Refusal {
  const why = closedBecause === undefined ? '' : `: ${closedBecause}`
  return new Refusal('approval-closed', { check: state, detail: `it is ${state}${why}` })
}

export function conflict(error: unknown): never {
  if (error instanceof StoreConflict)
    throw new Refusal('approval-closed', {
      check: 'moved',
      detail: 'somebody else acted on it at the same moment',
    })
  throw error
}

function unknown(what: string, id: string): Refusal {
  return new Refusal('resource-unknown', { check: what, detail: `there is no ${what} ${id}` })
}

/** An approval that is new, or gone. */
function countAsk(
  asks: Map<string, Map<string, number>>,
  one: Approval | undefined,
  before: Approval | undefined,
): void {
  const { id, requester, askedAt } = (one ?? before)!
  const key = principalKey(requester)
  const own = asks.get(key) ?? new Map<string, number>()
  if (one !== undefined) asks.set(key, own.set(id, askedAt))
  else if (own.delete(id) && own.size === 0) asks.delete(key)
}
