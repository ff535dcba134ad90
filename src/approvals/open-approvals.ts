import { randomInt } from 'node:crypto'
import { type Actor, actEntry, SELF } from '../audit/acts.ts'
import type { AuditLog, EntryKind } from '../audit/entry.ts'
import { personOf } from '../audit/person.ts'
import { principalFacts } from '../audit/principal-facts.ts'
import { Refusal } from '../errors/refusal.ts'
import { type Principal, principalKey } from '../identity/principal.ts'
import type { ChangeFeed } from '../store/change-feed.ts'
import { type Change, type StateStore, StoreConflict, type Stored } from '../store/store.ts'
import type { Approval, ApprovalDecision, Grant, Pin, Verdict, Wish } from './contract.ts'
import { type Followed, followAll } from './followed.ts'
import { placeOf } from './intent.ts'
import { refuseDecider, refusePlace } from './may-decide.ts'
import { isMet, quorumsOf } from './quorum.ts'

/**
 * Approvals and the grants that come of them. A record moves by compare-and-set only, and what is done is in the log
 * before it has an effect: so any number of gateways agree, and none forgets when it is restarted.
 */
export interface Approvals {
  /** A live grant that lifts all of these rules for this request. One that is good once is used up by it. */
  use(wish: Wish, pin: Pin | null): Promise<Grant | undefined>
  /** The request was certainly not carried out: its grant is good again. */
  giveBack(grant: Grant): Promise<void>
  /** The pending approval of this intent, opened if need be. */
  ask(wish: Wish, pin: Pin | null): Promise<Approval>
  /** Resolves when it is pending no more, or as it is after `patience` milliseconds or when the signal says so. */
  wait(id: string, patience: number, signal: AbortSignal): Promise<Approval>
  decide(by: Principal, id: string, answer: Answer): Promise<Approval>
  /** By who asked for it. */
  cancel(by: Principal, id: string, reason: string | null): Promise<Approval>
  get(id: string): Promise<Approval | undefined>
  /** Newest first; those that ended up to an hour ago included. */
  list(): readonly Approval[]
  grants(): readonly Grant[]
  /** What came of it, while it is remembered. */
  grantOf(approval: Approval): Grant | undefined
  revoke(by: Principal, id: string, reason: string | null): Promise<Grant>
  /** Ends what is over, forgets what ended long ago. Runs by itself each second. */
  sweep(): Promise<void>
  close(): Promise<void>
}

export interface Answer {
  readonly verdict: Verdict
  readonly reason: string | null
  readonly via: string
  /** When the person last proved who he is, as far as the approval page knows; milliseconds since the epoch. */
  readonly authenticatedAt?: number
  /** `shownOf` what was looked at; absent: nobody says. */
  readonly shown?: string
  /** The account of the channel that said it. */
  readonly account?: string
}

export interface ApprovalParts {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly log: Pick<AuditLog, 'append'>
  readonly now: () => number
  readonly newId: () => string
  readonly policyDigest: () => string
  readonly onError: (error: unknown) => void
  /** Milliseconds between two sweeps; 0: only when asked. */
  readonly sweepEvery?: number
}

export const APPROVAL_KIND = 'approval'
/** By intent: which approval is pending for it. */
const ASK_KIND = 'approval.ask'
export const GRANT_KIND = 'grant'
/** For a grant that is good once: how long who asked has to come back. */
const USE_WITHIN = 15 * 60_000
const KEPT = 3_600_000
const UNREAD = 3_000
/** Calls whose ids are kept with an approval; all are counted. */
const CALLS = 20
/** Against fatigue: new approvals of one principal in ten minutes. */
const ASKS = 5
const ASKS_WITHIN = 10 * 60_000

export async function openApprovals(parts: ApprovalParts): Promise<Approvals> {
  const { store, feed, now } = parts
  const waiting = new Map<string, Set<(approval: Approval) => void>>()
  const grantsByTarget = new Map<string, Set<string>>()

  const approvals = await followAll<Approval>(feed, APPROVAL_KIND, one => {
    if (one === undefined || one.state === 'pending') return
    for (const wake of waiting.get(one.id) ?? []) wake(one)
  })
  const grants = await followAll<Grant>(feed, GRANT_KIND, (one, before) => {
    const { id, target } = (one ?? before)!
    const ids = grantsByTarget.get(target) ?? new Set()
    if (one?.state === 'live') grantsByTarget.set(target, ids.add(id))
    else if (ids.delete(id) && ids.size === 0) grantsByTarget.delete(target)
  })

  const append = (kind: EntryKind, id: string, principal: Actor, facts: Record<string, unknown>) =>
    parts.log.append(actEntry({ id, kind, principal, policyDigest: parts.policyDigest() }, facts))

  /** What was written is known here at once. */
  async function commit(changes: readonly Change[]): Promise<void> {
    const written = await store.commit(changes).catch(unavailable)
    for (const [i, { kind, key, revision, value }] of written.entries()) {
      const into: Followed<unknown> | undefined =
        kind === APPROVAL_KIND ? approvals : kind === GRANT_KIND ? grants : undefined
      if (into === undefined) continue
      if (value === null) into.remove(key, revision)
      else into.put({ ...written[i]!, value: (changes[i] as { value?: unknown }).value })
    }
  }

  async function stored(id: string): Promise<Stored<Approval>> {
    const found = approvals.get(id) ?? (await store.get<Approval>(APPROVAL_KIND, id).catch(unavailable))
    if (found === undefined) throw unknown('approval', id)
    return found
  }

  /** Closes it, so that its intent can be asked for anew. */
  function closing(one: Stored<Approval>, value: Approval): Change[] {
    const update: Change = { op: 'update', kind: APPROVAL_KIND, key: one.key, version: one.version, value }
    return [update]
  }

  async function askRecord(intent: string): Promise<Stored<{ id: string }> | undefined> {
    return store.get<{ id: string }>(ASK_KIND, intent).catch(unavailable)
  }

  async function join(one: Stored<Approval>, call: string): Promise<Approval> {
    const { value } = one
    if (value.calls.includes(call)) return value
    const calls = [...value.calls.slice(-(CALLS - 1)), call]
    const joined: Approval = { ...value, calls, callCount: value.callCount + 1 }
    try {
      await commit(closing(one, joined))
      return joined
    } catch (error) {
      // Somebody decided at this moment, or another call joined: that matters more than the count.
      if (!(error instanceof StoreConflict)) throw error
      await feed.catchUp().catch(unavailable)
      return (await stored(one.key)).value
    }
  }

  function refuseFlood(principal: Principal): void {
    const key = principalKey(principal)
    const since = now() - ASKS_WITHIN
    const asked: number[] = []
    for (const one of approvals.values()) {
      if (one.askedAt > since && principalKey(one.requester) === key) asked.push(one.askedAt)
    }
    if (asked.length < ASKS) return
    const oldest = Math.min(...asked)
    const retryAfter = Math.max(1, Math.ceil((oldest + ASKS_WITHIN - now()) / 1000))
    throw new Refusal('too-many-requests', {
      check: 'approvals-asked-for',
      detail: `${asked.length} approvals were asked for in ten minutes; approvers are not asked for more before ${new Date(oldest + ASKS_WITHIN).toISOString().slice(11, 16)} UTC`,
      retryAfter,
    })
  }

  async function open(
    wish: Wish,
    pin: Pin | null,
    asked: Stored<{ id: string }> | undefined,
    changed: Stored<Approval> | undefined,
  ): Promise<Approval> {
    refuseFlood(wish.principal)
    const at = now()
    const id = parts.newId()
    const { call, principal, session, connection, rules, requirement } = wish
    const approval: Approval = {
      ...{ id, state: 'pending', connection, session, rules, requirement, pin },
      requester: { ...personOf(principal), kind: principal.kind },
      rule: rules[0]!,
      intent: wish.intent,
      target: wish.target,
      scope: wish.scope ?? null,
      sentence: wish.sentence,
      action: wish.action,
      reason: wish.reason ?? null,
      foresight: wish.foresight ?? null,
      check: String(randomInt(10, 100)),
      calls: [call],
      callCount: 1,
      policyDigest: wish.policyDigest,
      askedAt: at,
      deadline: at + requirement.deadline,
      decisions: [],
    }
    if (changed !== undefined) {
      await append('approval.close', changed.key, SELF, { approval: changed.key, because: CHANGED })
    }
    await append('approval.request', id, principalFacts(principal), requestFacts(approval))
    const pointer: Change =
      asked === undefined
        ? { op: 'create', kind: ASK_KIND, key: wish.intent, value: { id } }
        : { op: 'update', kind: ASK_KIND, key: wish.intent, version: asked.version, value: { id } }
    await commit([
      pointer,
      { op: 'create', kind: APPROVAL_KIND, key: id, value: approval },
      ...(changed === undefined ? [] : closing(changed, closed(changed.value, 'cancelled', at, CHANGED))),
    ])
    return approval
  }

  async function ask(wish: Wish, pin: Pin | null): Promise<Approval> {
    for (let attempt = 0; attempt < 5; attempt++) {
      // The store knows which approval is pending for an intent; what is known here may be older.
      const asked = await askRecord(wish.intent)
      const pending = asked === undefined ? undefined : await newest(asked.value.id)
      const isOpen = pending?.value.state === 'pending' && now() < pending.value.deadline
      if (isOpen && samePin(pending.value.pin, pin) && sameRules(pending.value.rules, wish.rules))
        return join(pending, wish.call)
      try {
        return await open(wish, pin, asked, isOpen ? pending : undefined)
      } catch (error) {
        // Another request, or another gateway, asked for the same at this moment.
        if (!(error instanceof StoreConflict)) throw error
        await feed.catchUp().catch(unavailable)
      }
    }
    throw new Refusal('state-unavailable', { check: 'approval' })
  }

  /** As the store has it, and from then on known here. */
  async function newest(id: string): Promise<Stored<Approval> | undefined> {
    const found = await store.get<Approval>(APPROVAL_KIND, id).catch(unavailable)
    if (found !== undefined) approvals.put(found)
    return found
  }

  async function expire(one: Stored<Approval>): Promise<void> {
    await append('approval.close', one.key, SELF, { approval: one.key, because: EXPIRED })
    await commit(closing(one, closed(one.value, 'expired', now(), EXPIRED)))
  }

  async function close(
    by: Principal,
    id: string,
    state: 'cancelled',
    reason: string | null,
  ): Promise<Approval> {
    const one = await stored(id)
    if (one.value.state !== 'pending') throw over(one.value)
    await append('approval.close', id, principalFacts(by), { approval: id, because: 'cancelled', reason })
    const value = closed(one.value, state, now(), reason ?? 'cancelled by who asked for it')
    await commit(closing(one, value)).catch(conflict)
    return value
  }

  function grantOf(approval: Approval, decisions: readonly ApprovalDecision[], at: number): Grant {
    const { grantFor } = approval.requirement
    return {
      id: parts.newId(),
      approval: approval.id,
      rules: approval.rules,
      principal: approval.requester,
      connection: approval.connection,
      intent: grantFor === null ? approval.intent : null,
      target: approval.target,
      scope: approval.scope,
      pin: grantFor === null ? approval.pin : null,
      sentence: approval.sentence,
      approvers: decisions.filter(one => one.verdict === 'approve').map(one => one.by.username),
      reason: decisions.at(-1)?.reason ?? null,
      grantedAt: at,
      until: at + (grantFor ?? USE_WITHIN),
      state: 'live',
    }
  }

  async function decide(by: Principal, id: string, answer: Answer): Promise<Approval> {
    let recorded = false
    for (let attempt = 0; attempt < 5; attempt++) {
      const one = await stored(id)
      const { value } = one
      if (value.state !== 'pending') throw over(value)
      const at = now()
      if (at >= value.deadline) {
        await expire(one).catch(parts.onError)
        throw over({ ...value, state: 'expired' })
      }
      const quorums = quorumsOf(value.requirement, by)
      refuseDecider(value, by, quorums)
      refusePlace(value, answer, at)
      const { verdict, reason, via } = answer
      const decision: ApprovalDecision = {
        by: personOf(by),
        ...{ quorums, at, unread: at - value.askedAt < UNREAD },
        ...{ verdict, reason, via },
      }
      const decisions = [...value.decisions, decision]
      const approvers = decisions.filter(d => d.verdict === 'approve').map(d => d.quorums)
      const state =
        answer.verdict === 'deny' ? 'denied' : isMet(value.requirement, approvers) ? 'approved' : 'pending'
      const grant = state === 'approved' ? grantOf(value, decisions, at) : undefined
      if (!recorded) {
        const facts = { ...decisionFacts(value, answer, at), ...grantFacts(grant) }
        await append('approval.decide', id, principalFacts(by), facts)
        recorded = true
      }
      const next: Approval = {
        ...value,
        ...{ state, decisions },
        ...(state === 'pending' ? {} : { closedAt: at }),
        ...(answer.verdict === 'deny' ? { closedBecause: answer.reason ?? 'denied' } : {}),
        ...(grant === undefined ? {} : { grant: grant.id }),
      }
      try {
        await commit([
          ...closing(one, next),
          ...(grant === undefined
            ? []
            : [{ op: 'create', kind: GRANT_KIND, key: grant.id, value: grant } as const]),
        ])
        return next
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
        await feed.catchUp().catch(unavailable)
      }
    }
    throw new Refusal('state-unavailable', { check: 'approval' })
  }

  async function moveGrant(one: Stored<Grant>, value: Grant): Promise<void> {
    await commit([{ op: 'update', kind: GRANT_KIND, key: one.key, version: one.version, value }])
  }

  async function use(wish: Wish, pin: Pin | null): Promise<Grant | undefined> {
    const places = [wish.target, placeOf(wish.principal, wish.connection)]
    for (const id of places.flatMap(place => [...(grantsByTarget.get(place) ?? [])])) {
      const one = grants.get(id)
      if (one === undefined || !fits(one.value, wish, pin, now())) continue
      if (one.value.intent === null) return one.value
      const used: Grant = { ...one.value, state: 'used', usedBy: wish.call, endedAt: now() }
      try {
        await moveGrant(one, used)
        return used
      } catch (error) {
        // Another request with the same intent was first: it has it, this one has not.
        if (!(error instanceof StoreConflict)) throw error
        await feed.catchUp().catch(unavailable)
      }
    }
    return undefined
  }

  async function giveBack(grant: Grant): Promise<void> {
    if (grant.intent === null) return
    const one = grants.get(grant.id)
    if (one?.value.state !== 'used' || one.value.usedBy !== grant.usedBy) return
    const { usedBy: _, endedAt: __, ...rest } = one.value
    await moveGrant(one, { ...rest, state: 'live' })
  }

  async function revoke(by: Principal, id: string, reason: string | null): Promise<Grant> {
    const one = grants.get(id) ?? (await store.get<Grant>(GRANT_KIND, id).catch(unavailable))
    if (one === undefined) throw unknown('grant', id)
    if (one.value.state !== 'live') {
      throw new Refusal('approval-closed', {
        check: one.value.state,
        detail: `the grant is ${one.value.state}`,
      })
    }
    const revoked: Grant = { ...one.value, state: 'revoked', revokedBy: personOf(by), endedAt: now() }
    await append('grant.revoke', id, principalFacts(by), { grant: id, approval: one.value.approval, reason })
    await moveGrant(one, revoked).catch(conflict)
    return revoked
  }

  function wait(id: string, patience: number, signal: AbortSignal): Promise<Approval> {
    const first = approvals.get(id)
    if (first === undefined) return stored(id).then(one => one.value)
    if (first.value.state !== 'pending' || signal.aborted) return Promise.resolve(first.value)
    return new Promise(resolve => {
      const listeners = waiting.get(id) ?? new Set()
      waiting.set(id, listeners)
      const end = (value: Approval): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', asItIs)
        listeners.delete(end)
        if (listeners.size === 0) waiting.delete(id)
        resolve(value)
      }
      const asItIs = (): void => end(approvals.get(id)?.value ?? first.value)
      // The sweeper ends it at its deadline; this is for when the store cannot be written.
      const limit = Math.min(patience, Math.max(0, first.value.deadline - now()) + 5_000)
      const timer = setTimeout(asItIs, Math.min(limit, 2 ** 31 - 1))
      signal.addEventListener('abort', asItIs, { once: true })
      listeners.add(end)
    })
  }

  async function sweep(): Promise<void> {
    const at = now()
    const over: Change[] = []
    for (const { id } of [...approvals.values()]) {
      const one = approvals.get(id)!
      if (one.value.state === 'pending') {
        // Another gateway may be doing the same.
        if (at >= one.value.deadline) await expire(one).catch(ignoreConflict)
      } else if (at >= (one.value.closedAt ?? at) + KEPT) {
        over.push({ op: 'delete', kind: APPROVAL_KIND, key: id, version: one.version })
        const asked = await askRecord(one.value.intent)
        if (asked?.value.id === id)
          over.push({ op: 'delete', kind: ASK_KIND, key: asked.key, version: asked.version })
      }
    }
    for (const { id } of [...grants.values()]) {
      const one = grants.get(id)!
      const ended = one.value.endedAt ?? one.value.until
      if (at >= ended + KEPT) over.push({ op: 'delete', kind: GRANT_KIND, key: id, version: one.version })
    }
    for (const change of over) await commit([change]).catch(ignoreConflict)
  }

  let round: Promise<void> = Promise.resolve()
  const every = parts.sweepEvery ?? 1_000
  const tick = (): void => {
    round = round.then(sweep).catch(parts.onError)
  }
  const timer = every > 0 ? setInterval(tick, every).unref() : undefined

  return {
    use,
    giveBack,
    ask,
    wait,
    decide,
    async cancel(by, id, reason) {
      const { value } = await stored(id)
      if (principalKey(value.requester) !== principalKey(by)) {
        throw new Refusal('denied-by-policy', {
          check: 'requester',
          detail: 'only who asked for it can cancel it',
        })
      }
      return close(by, id, 'cancelled', reason)
    },
    get: async id => approvals.get(id)?.value ?? (await store.get<Approval>(APPROVAL_KIND, id))?.value,
    list: () => [...approvals.values()].sort((a, b) => b.askedAt - a.askedAt),
    grants: () => [...grants.values()].sort((a, b) => b.grantedAt - a.grantedAt),
    grantOf: ({ grant }) => (grant === undefined ? undefined : grants.get(grant)?.value),
    revoke,
    sweep,
    async close() {
      clearInterval(timer)
      await round
      approvals.stop()
      grants.stop()
    },
  }
}

const CHANGED = 'its target has changed since'
const EXPIRED = 'nobody decided in time'

function closed(value: Approval, state: Approval['state'], at: number, because: string): Approval {
  return { ...value, state, closedAt: at, closedBecause: because }
}

function fits(grant: Grant, wish: Wish, pin: Pin | null, at: number): boolean {
  return (
    grant.state === 'live' &&
    at < grant.until &&
    grant.connection === wish.connection &&
    principalKey(grant.principal) === principalKey(wish.principal) &&
    (grant.intent === null || (grant.intent === wish.intent && samePin(grant.pin, pin))) &&
    (grant.scope === null || wish.isWithin(grant.scope)) &&
    // A rule that came later was not asked about.
    wish.rules.every(rule => grant.rules.includes(rule))
  )
}

function samePin(one: Pin | null, other: Pin | null): boolean {
  return one === null || other === null ? one === other : one.uid === other.uid && one.digest === other.digest
}

function sameRules(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every(rule => other.includes(rule))
}

function requestFacts(one: Approval): Record<string, unknown> {
  const { id, sentence, connection, rules, intent, pin, deadline, calls, check, scope, reason } = one
  return {
    ...{ approval: id, asked: sentence, connection, rules, intent, check, reason },
    until: new Date(deadline).toISOString(),
    ...(scope === null ? { call: calls[0], target: pin?.uid ?? null } : { scope }),
  }
}

function decisionFacts(
  one: Approval,
  { verdict, reason, via, account }: Answer,
  at: number,
): Record<string, unknown> {
  const { id, sentence, rules, intent, requester } = one
  return {
    ...{ approval: id, verdict, reason, via, asked: sentence, rules, intent },
    ...(account === undefined ? {} : { account }),
    requester: requester.username,
    afterSeconds: Math.round((at - one.askedAt) / 1000),
    ...(at - one.askedAt < UNREAD ? { unread: true } : {}),
  }
}

function grantFacts(grant: Grant | undefined): Record<string, unknown> {
  if (grant === undefined) return {}
  return { grant: grant.id, grantedUntil: new Date(grant.until).toISOString(), once: grant.intent !== null }
}

function over({ state, closedBecause }: Approval): Refusal {
  const why = closedBecause === undefined ? '' : `: ${closedBecause}`
  return new Refusal('approval-closed', { check: state, detail: `it is ${state}${why}` })
}

function unknown(what: string, id: string): Refusal {
  return new Refusal('resource-unknown', { check: what, detail: `there is no ${what} ${id}` })
}

function conflict(error: unknown): never {
  if (error instanceof StoreConflict)
    throw new Refusal('approval-closed', {
      check: 'moved',
      detail: 'somebody else acted on it at the same moment',
    })
  throw error
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof StoreConflict)) throw error
}

function unavailable(error: unknown): never {
  if (error instanceof StoreConflict || error instanceof Refusal) throw error
  throw new Refusal('state-unavailable', { cause: error })
}
