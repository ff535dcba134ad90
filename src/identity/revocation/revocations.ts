import { Refusal } from '../../errors/refusal.ts'
import type { ChangeFeed } from '../../store/change-feed.ts'
import { type StateStore, StoreConflict } from '../../store/store.ts'
import { randomBase32 } from '../local/random-token.ts'
import type { Principal } from '../principal.ts'

export type RevocationTarget =
  | { readonly kind: 'session'; readonly id: string }
  | { readonly kind: 'principal'; readonly issuer: string; readonly subject: string }
  | { readonly kind: 'issuer'; readonly issuer: string }

export interface Revocation {
  readonly id: string
  readonly target: RevocationTarget
  readonly reason: string
  /** User name of whoever ordered it. */
  readonly by: string
  readonly at: number
  /** Credentials issued before it are refused; absent: all are, until it is lifted. */
  readonly until?: number
}

/**
 * What has been cut off. Kept whole in memory (there are few), so that the question costs two look-ups; other
 * processes learn of a change through the feed. A cut session needs no look-up: it is gone from the sessions.
 */
export interface Revocations {
  /** Throws `credential-invalid` when the principal, its issuer or its service account's cluster is cut off. */
  check(principal: Principal): void
  isRevoked(principal: Principal): boolean
  /** In force in this process at once, even when the store then fails (`state-unavailable`). */
  add(target: RevocationTarget, by: string, reason: string, until?: number): Promise<Revocation>
  /** False when there is no such revocation. */
  lift(id: string): Promise<boolean>
  /** Newest first. */
  list(): Revocation[]
  /** Deletes old records of sessions that were cut off. */
  sweep(): Promise<void>
  /** Told of each revocation that begins here or elsewhere, and of those in force when it is registered. */
  onAdd(listener: (revocation: Revocation) => void): void
}

const KIND = 'revocation'
const NEVER = Number.NEGATIVE_INFINITY
/** Of a session it is only a record; the session itself is gone. Milliseconds. */
const KEEP_SESSIONS = 30 * 86_400_000

/** The latest `until` that applies to all of an issuer, and to single subjects of it. */
interface CutIssuer {
  until: number
  readonly subjects: Map<string, number>
}

export async function openRevocations(
  store: StateStore,
  feed: ChangeFeed,
  now: () => number,
): Promise<Revocations> {
  const all = new Map<string, Revocation>()
  const listeners: ((revocation: Revocation) => void)[] = []
  const cut = new Map<string, CutIssuer>()

  function put(revocation: Revocation): void {
    const isNew = !all.has(revocation.id)
    all.set(revocation.id, revocation)
    strengthen(cut, revocation)
    if (isNew) for (const listener of listeners) listener(revocation)
  }

  function remove(id: string): void {
    if (!all.delete(id)) return
    cut.clear()
    for (const revocation of all.values()) strengthen(cut, revocation)
  }

  function isRevoked(principal: Principal): boolean {
    if (cut.size === 0) return false
    const issuer = cut.get(principal.issuer)
    if (issuer === undefined) return false
    const until = Math.max(issuer.until, issuer.subjects.get(principal.subject) ?? NEVER)
    // A credential that does not say when it was issued counts as old.
    return (principal.authentication.issuedAt ?? NEVER) < until
  }

  await feed.follow<Revocation>(KIND, { put: record => put(record.value), remove })

  async function lift(id: string): Promise<boolean> {
    const record = await store.get(KIND, id)
    if (record === undefined) return false
    try {
      await store.commit([{ op: 'delete', kind: KIND, key: id, version: record.version }])
    } catch (error) {
      if (error instanceof StoreConflict) return false
      throw error
    }
    await feed.catchUp()
    return true
  }

  return {
    check(principal) {
      if (isRevoked(principal)) {
        throw new Refusal('credential-invalid', {
          check: 'revoked',
          detail: 'this identity has been cut off',
        })
      }
    },
    isRevoked,
    async add(target, by, reason, until) {
      const id = `r-${randomBase32(26)}`
      const revocation: Revocation = {
        id,
        target,
        reason,
        by,
        at: now(),
        ...(until === undefined ? {} : { until }),
      }
      put(revocation)
      try {
        await store.commit([{ op: 'create', kind: KIND, key: id, value: revocation }])
      } catch (error) {
        throw new Refusal('state-unavailable', { detail: 'cut off in this process only', cause: error })
      }
      return revocation
    },
    lift,
    list: () => [...all.values()].sort((a, b) => b.at - a.at),
    async sweep() {
      const before = now() - KEEP_SESSIONS
      for (const { id, target, at } of [...all.values()]) {
        if (target.kind === 'session' && at < before) await lift(id)
      }
    },
    onAdd(listener) {
      listeners.push(listener)
      for (const revocation of all.values()) listener(revocation)
    },
  }
}

function strengthen(
  cut: Map<string, CutIssuer>,
  { target, until = Number.POSITIVE_INFINITY }: Revocation,
): void {
  if (target.kind === 'session') return
  let issuer = cut.get(target.issuer)
  if (issuer === undefined) {
    issuer = { until: NEVER, subjects: new Map() }
    cut.set(target.issuer, issuer)
  }
  if (target.kind === 'issuer') issuer.until = Math.max(issuer.until, until)
  else issuer.subjects.set(target.subject, Math.max(issuer.subjects.get(target.subject) ?? NEVER, until))
}

/** Whether something of `principal` that began at `since` falls under the revocation. */
export function covers(
  revocation: Pick<Revocation, 'target' | 'until'>,
  principal: Pick<Principal, 'issuer' | 'subject'>,
  since: number,
): boolean {
  const { target, until } = revocation
  if (target.kind === 'session') return false
  if (until !== undefined && since >= until) return false
  return target.kind === 'issuer'
    ? target.issuer === principal.issuer
    : target.issuer === principal.issuer && target.subject === principal.subject
}
