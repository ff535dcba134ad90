import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import { StoreConflict, type Stored } from '../../store/store.ts'
import { type Actor, type ActParts, actEntry, actorOf, SELF } from '../acts.ts'
import type { EntryKind } from '../entry.ts'
import { maybeSame, type Person, personOf } from '../person.ts'
import { principalFacts } from '../principal-facts.ts'
import { refuseUnlogged } from './acts-in-log.ts'
import type { Revealed } from './contract.ts'
import { placesOfScope, readScope } from './read-scope.ts'
import { type RevealScope, scopeWords } from './scope.ts'
import { digestOf } from './unlock.ts'

/**
 * Break-glass: requested by one person, approved by another, opened once by the first within minutes. The state is in
 * the store and moves by compare-and-set only, so that an approval is used once whatever crashes and however many
 * gateways there are. Nobody can open without an approval: there is no other way to `readScope`.
 */
export interface Reveals {
  request(by: Principal, wish: RevealWish): Promise<RevealRecord>
  approve(by: Principal, id: string, minutes: number): Promise<RevealRecord>
  deny(by: Principal, id: string, reason: string): Promise<RevealRecord>
  get(id: string): Promise<RevealRecord | undefined>
  /** Newest first. */
  list(): Promise<readonly RevealRecord[]>
  /** The `reveal.open` entry is durable when it resolves. */
  open(by: Principal, id: string): Promise<OpenedReveal>
  /** Ends what is too old. */
  sweep(): Promise<void>
}

export interface RevealWish {
  readonly scope: RevealScope
  readonly reason: string
  readonly ticket: string
}

export type RevealState = 'requested' | 'approved' | 'denied' | 'opened' | 'expired'

export interface RevealRecord extends RevealWish {
  readonly id: string
  readonly state: RevealState
  readonly requester: Person
  /** Whose values they are: the principals of the calls. */
  readonly of: readonly Person[]
  readonly requestedAt: number
  /** Nobody can approve after it, or open. */
  readonly until: number
  readonly approver?: Person
  readonly approvedAt?: number
  /** Until then the approval counts for nothing: its entry may not be in the log. */
  readonly approvalRecorded?: boolean
  /** The log in which request and approval are, and as which entries. */
  readonly log: string
  readonly requestEntry?: number
  readonly approvalEntry?: number
}

export interface OpenedReveal {
  readonly record: RevealRecord
  readonly openedAt: number
  /** `sha256:` and hex, over the JSON of `revealed`; also in the log. */
  readonly digest: string
  readonly revealed: Revealed
}

export interface RevealParts extends ActParts {
  /** For the operator's log: somebody's values were opened. */
  readonly onOpened?: (opened: OpenedReveal) => void
}

export const REASON_LEAST = 20
export const MINUTES_MOST = 60
const KIND = 'reveal'
const ASKED_FOR = 24 * 3_600_000
const KEPT = 30 * 24 * 3_600_000
const OPEN_REQUESTS = 20
const MINUTE = 60_000

export function createReveals(parts: RevealParts): Reveals {
  const { store, log, now } = parts

  const append = (kind: EntryKind, id: string, principal: Actor, facts: Record<string, unknown>) =>
    log.append(actEntry({ id, kind, principal, policyDigest: parts.policyDigest() }, facts))

  async function all(): Promise<Stored<RevealRecord>[]> {
    const found: Stored<RevealRecord>[] = []
    for (let after: string | undefined; ; after = found.at(-1)!.key) {
      const page = await store.list<RevealRecord>(KIND, after === undefined ? {} : { after })
      found.push(...page)
      if (page.length < 500) return found
    }
  }

  async function stored(id: string): Promise<Stored<RevealRecord>> {
    const found = await store.get<RevealRecord>(KIND, id)
    if (found === undefined)
      throw new Refusal('resource-unknown', { check: 'reveal', detail: `there is no reveal ${id}` })
    return found
  }

  /** Of two that try the same step one wins. */
  async function move(from: Stored<RevealRecord>, to: RevealRecord): Promise<Stored<RevealRecord>> {
    try {
      const [written] = await store.commit([
        { op: 'update', kind: KIND, key: from.key, value: to, version: from.version },
      ])
      return written as Stored<RevealRecord>
    } catch (error) {
      if (error instanceof StoreConflict)
        throw closed('moved', 'somebody else acted on it at the same moment')
      throw error
    }
  }

  async function expireIfOld(found: Stored<RevealRecord>): Promise<Stored<RevealRecord>> {
    const { state, until, id } = found.value
    if ((state !== 'requested' && state !== 'approved') || now() < until) return found
    const moved = await move(found, { ...found.value, state: 'expired' })
    await append('reveal.expire', id, SELF, { was: state })
    return moved
  }

  return {
    async request(by, wish) {
      refuseMachine(by)
      const open = (await all()).filter(({ value }) => value.state === 'requested' && now() < value.until)
      const mine = open.filter(({ value }) => principalKey(value.requester) === principalKey(by))
      if (mine.length >= OPEN_REQUESTS) {
        throw new Refusal('too-many-requests', {
          check: 'reveals',
          detail: 'too many of your requests wait for an answer',
        })
      }
      const places = await scopePlaces(parts, wish.scope)
      const of = ownersOf(places.flatMap(one => one.row.head.principal ?? []))
      const at = now()
      const id = parts.newId()
      const record: RevealRecord = {
        id,
        ...wish,
        state: 'requested',
        requester: personOf(by),
        of,
        requestedAt: at,
        until: at + ASKED_FOR,
        log: log.origin,
      }
      // The entry first: what stands in the store and not in the log could be approved and never proven.
      const { index: requestEntry } = await append(
        'reveal.request',
        id,
        principalFacts(by),
        requestFacts(record),
      )
      const kept = { ...record, requestEntry }
      await store.commit([{ op: 'create', kind: KIND, key: id, value: kept }])
      return kept
    },

    async approve(by, id, minutes) {
      refuseMachine(by)
      const found = await expireIfOld(await stored(id))
      const { value } = found
      const again = value.state === 'approved' && value.approvalRecorded !== true
      if (value.state !== 'requested' && !again) throw closed(value.state, `it is ${value.state}`)
      refuseSamePerson(value, personOf(by), parts.linked)
      const at = now()
      const approved: RevealRecord = {
        ...value,
        state: 'approved',
        approver: personOf(by),
        approvedAt: at,
        until: at + minutes * MINUTE,
        approvalRecorded: false,
        log: log.origin,
      }
      const moved = await move(found, approved)
      const repeat =
        value.log === log.origin
          ? null
          : await append('reveal.request', id, actorOf(value.requester), repeated(value))
      const { index: approvalEntry } = await append(
        'reveal.approve',
        id,
        principalFacts(by),
        approvalFacts(approved),
      )
      const entries = { approvalEntry, ...(repeat === null ? {} : { requestEntry: repeat.index }) }
      const { value: recorded } = await move(moved, { ...approved, ...entries, approvalRecorded: true })
      return recorded
    },

    async deny(by, id, reason) {
      const found = await expireIfOld(await stored(id))
      const { value } = found
      if (value.state !== 'requested' && value.state !== 'approved')
        throw closed(value.state, `it is ${value.state}`)
      const { value: denied } = await move(found, { ...value, state: 'denied' })
      await append('reveal.deny', id, principalFacts(by), { reason })
      return denied
    },

    async get(id) {
      return (await store.get<RevealRecord>(KIND, id))?.value
    },

    async list() {
      const records = (await all()).map(({ value }) => value)
      return records.sort((a, b) => b.requestedAt - a.requestedAt)
    },

    async open(by, id) {
      refuseMachine(by)
      const found = await expireIfOld(await stored(id))
      const { value } = found
      if (principalKey(value.requester) !== principalKey(by)) {
        throw new Refusal('denied-by-policy', {
          check: 'requester',
          detail: 'only who asked for it can open it',
        })
      }
      if (value.state === 'requested') throw closed('requested', 'nobody has approved it yet')
      if (value.state !== 'approved') throw closed(value.state, `it is ${value.state}`)
      if (value.approvalRecorded !== true) {
        throw closed('unrecorded', 'its approval did not reach the log; it must be approved again')
      }
      // Stored once, checked again: nothing that was stored by another hand opens anything.
      refuseSamePerson(value, value.approver ?? value.requester, parts.linked)
      if (value.log === log.origin) await refuseUnlogged(log, value, by, now())
      const places = await scopePlaces(parts, value.scope)
      const revealed = await readScope(log, places, value.scope)
      if (!revealed.values.some(isShown) && !revealed.bodies.some(isShown)) {
        throw new Refusal('resource-unknown', {
          check: 'nothing-kept',
          detail: `nothing of ${scopeWords(value.scope)} can be opened: nothing was masked, or it was not kept, or was destroyed`,
        })
      }
      const openedAt = now()
      if (openedAt >= value.until) throw closed('expired', 'its approval has ended')
      // Used up before a byte leaves: a crash from here on shows nothing, and needs another approval.
      const { value: record } = await move(found, { ...value, state: 'opened' })
      if (value.log !== log.origin) {
        await append('reveal.request', id, actorOf(value.requester), repeated(value))
        const approval = { ...approvalFacts(value), ...repetition(value) }
        await append('reveal.approve', id, actorOf(value.approver!), approval)
      }
      const digest = digestOf(revealed)
      const facts = {
        scope: value.scope,
        of: value.of,
        digest,
        values: revealed.values.length,
        bodies: revealed.bodies.length,
      }
      await append('reveal.open', id, principalFacts(by), facts)
      const opened = { record, openedAt, digest, revealed }
      parts.onOpened?.(opened)
      return opened
    },

    async sweep() {
      for (const one of await all()) {
        const { state, until } = one.value
        if (state === 'requested' || state === 'approved') {
          // Another gateway may be doing the same.
          await expireIfOld(one).catch(() => {})
        } else if (now() > until + KEPT) {
          await store
            .commit([{ op: 'delete', kind: KIND, key: one.key, version: one.version }])
            .catch(() => {})
        }
      }
    },
  }
}

function isShown({ state }: { readonly state: string }): boolean {
  return state === 'open' || state === 'recipients'
}

async function scopePlaces({ index, log }: RevealParts, scope: RevealScope) {
  await index.caughtUp(log.size)
  const places = await placesOfScope(index, scope)
  if (places.length === 0) {
    const check = 'session' in scope ? 'session' : 'entry'
    throw new Refusal('resource-unknown', { check, detail: `there is no ${scopeWords(scope)}` })
  }
  const elsewhere = places.find(one => one.elsewhere !== undefined)?.elsewhere
  if (elsewhere !== undefined) {
    throw new Refusal('resource-unknown', {
      check: 'other-gateway',
      detail: `its records are with the gateway of ${elsewhere}; ask that one`,
    })
  }
  return places
}

function ownersOf(people: readonly { issuer: string; subject: string; username: string }[]): Person[] {
  const found = new Map<string, Person>()
  for (const { issuer, subject, username } of people) {
    const one = { issuer, subject, username }
    found.set(principalKey(one), one)
  }
  return [...found.values()]
}

function refuseMachine(by: Principal): void {
  if (by.kind === 'person') return
  throw new Refusal('second-person-required', {
    check: 'not-a-person',
    detail: `${by.username} is no person`,
  })
}

function refuseSamePerson(
  { requester, of }: RevealRecord,
  approver: Person,
  linked: RevealParts['linked'],
): void {
  const isOne = (one: Person) => maybeSame(one, approver) || linked?.(one, approver) === true
  if (isOne(requester)) {
    throw new Refusal('second-person-required', {
      check: 'requester',
      detail: 'who asked for it cannot approve it',
    })
  }
  if (of.some(isOne)) {
    throw new Refusal('second-person-required', {
      check: 'session-owner',
      detail: 'whose values they are cannot approve it',
    })
  }
}

function closed(check: string, detail: string): Refusal {
  return new Refusal('reveal-closed', { check, detail })
}

function requestFacts({ scope, of, reason, ticket, requester }: RevealRecord): Record<string, unknown> {
  return { scope, of, reason, ticket, requester }
}

function approvalFacts({ until, requester, scope }: RevealRecord): Record<string, unknown> {
  return { until: new Date(until).toISOString(), requester, scope }
}

/** Said again in the log of the gateway that holds the records, so that each log can be verified alone. */
function repeated(record: RevealRecord): Record<string, unknown> {
  return { ...requestFacts(record), ...repetition(record) }
}

function repetition({ log }: RevealRecord): Record<string, unknown> {
  return { repeats: log }
}
