import { Refusal } from '../../errors/refusal.ts'
import type { Principal } from '../../identity/principal.ts'
import { type StateStore, StoreConflict, type Stored } from '../../store/store.ts'
import { type Actor, type ActParts, actEntry, actorOf, SELF } from '../acts.ts'
import { dayOf, type KeyClass } from '../keys/epochs.ts'
import { maybeSame, type Person, personOf } from '../person.ts'
import type { Hold, Holds } from './holds.ts'

/**
 * Destroys epoch keys: all heads and bodies (class `shown`) or all originals (class `sealed`) of a day become unreadable,
 * wherever their ciphertext was copied to, and no proof breaks. By hand it takes two persons, because it destroys
 * evidence; by retention time nobody is asked. A hold stands against both.
 */
export interface Shreds {
  request(by: Principal, keyClass: KeyClass, day: string, reason: string): Promise<ShredRecord>
  /** Destroys it here; other gateways on the same store follow within a minute. */
  approve(by: Principal, id: string): Promise<ShredRecord>
  deny(by: Principal, id: string): Promise<ShredRecord>
  /** Newest first. */
  list(): Promise<readonly ShredRecord[]>
  /** What others approved, what a crash left half done, and what is older than its retention time. */
  sweep(): Promise<void>
}

export interface ShredRecord {
  readonly id: string
  readonly epoch: string
  readonly reason: string
  readonly requester: Person
  readonly requestedAt: number
  /** `approved`: each gateway destroys its key of that class and day. */
  readonly state: 'requested' | 'approved' | 'denied'
  readonly approver?: Person
  readonly approvedAt?: number
}

/** Days that keys are kept after theirs; absent: for ever. */
export interface Retention {
  readonly shown?: number
  readonly sealed?: number
}

export interface ShredParts extends ActParts {
  readonly holds: Pick<Holds, 'on'>
  readonly retention?: Retention
  /** What could not be destroyed, for the operator's log. */
  readonly onTrouble?: (epoch: string, error: unknown) => void
}

const KIND = 'shred'
/** A key that is being destroyed, by its log and id; whoever adds a hold looks here. */
const UNDER_WAY = 'shredding'
const DAY = 86_400_000

/** Keys of which somebody has said that he destroys them. */
export async function keysUnderWay(store: StateStore): Promise<string[]> {
  return (await store.list<{ epoch: string }>(UNDER_WAY)).map(one => one.value.epoch)
}

export function createShreds(parts: ShredParts): Shreds {
  const { store, log, index, holds, now } = parts
  /** One after another: a sweep and a person may want the same. */
  let busy: Promise<unknown> = Promise.resolve()

  async function all(): Promise<Stored<ShredRecord>[]> {
    const found: Stored<ShredRecord>[] = []
    for (let after: string | undefined; ; after = found.at(-1)!.key) {
      const page = await store.list<ShredRecord>(KIND, after === undefined ? {} : { after })
      found.push(...page)
      if (page.length < 500) return found
    }
  }

  async function requested(id: string): Promise<Stored<ShredRecord>> {
    const found = await store.get<ShredRecord>(KIND, id)
    if (found === undefined)
      throw new Refusal('resource-unknown', { check: 'shred', detail: `nobody asked for ${id}` })
    if (found.value.state !== 'requested')
      throw new Refusal('conflict', { check: 'shred', detail: `it is ${found.value.state}` })
    return found
  }

  async function move(from: Stored<ShredRecord>, to: ShredRecord): Promise<void> {
    try {
      await store.commit([{ op: 'update', kind: KIND, key: from.key, value: to, version: from.version }])
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      throw new Refusal('conflict', {
        check: 'shred',
        detail: 'somebody else acted on it at the same moment',
      })
    }
  }

  function destroy(epoch: string, by: Actor, facts: Record<string, unknown>): Promise<boolean> {
    const done = busy.then(() => destroyNow(epoch, by, facts))
    busy = done.catch(() => {})
    return done
  }

  /** False: it is not here. */
  async function destroyNow(epoch: string, by: Actor, facts: Record<string, unknown>): Promise<boolean> {
    refuseInUse(epoch)
    const retired = (await log.epochs.retired()).includes(epoch)
    if (!retired && !(await log.epochs.list()).includes(epoch)) return false
    const key = `${log.origin} ${epoch}`
    const mark = await store.get(UNDER_WAY, key)
    if (mark === undefined) await store.commit([{ op: 'create', kind: UNDER_WAY, key, value: { epoch } }])
    try {
      // What was put away is closed already: a hold comes too late for it.
      if (!retired) {
        refuseHeld(epoch, await holds.on(dayOf(epoch)))
        await log.epochs.retire(epoch)
      }
      const id = parts.newId()
      const act = { id, kind: 'key.shred', principal: by, policyDigest: parts.policyDigest(), epoch } as const
      await log.append(actEntry(act, { epoch, ...facts }))
      await log.epochs.destroy(epoch)
    } finally {
      const left = await store.get(UNDER_WAY, key)
      if (left !== undefined)
        await store.commit([{ op: 'delete', kind: UNDER_WAY, key, version: left.version }])
    }
    // It holds heads and shown bodies in the clear.
    if (epoch.startsWith('shown-')) await index.rebuild()
    return true
  }

  function refuseInUse(epoch: string): void {
    if (dayOf(epoch) < log.keyDay) return
    throw new Refusal('conflict', {
      check: 'key-in-use',
      detail: `${epoch} is still written with; days before ${log.keyDay} can be destroyed`,
    })
  }

  function tooOld(epoch: string): number | null {
    const keep = parts.retention?.[epoch.startsWith('sealed-') ? 'sealed' : 'shown']
    if (keep === undefined) return null
    // A day's key is needed for a whole day; it is kept for so many days after its end.
    return Date.parse(`${dayOf(epoch)}T00:00:00Z`) + (keep + 1) * DAY <= now() ? keep : null
  }

  return {
    async request(by, keyClass, day, reason) {
      refuseMachine(by)
      const epoch = `${keyClass}-${day}`
      refuseInUse(epoch)
      refuseHeld(epoch, await holds.on(day))
      const id = parts.newId()
      const record: ShredRecord = {
        id,
        epoch,
        reason,
        requester: personOf(by),
        requestedAt: now(),
        state: 'requested',
      }
      await store.commit([{ op: 'create', kind: KIND, key: id, value: record }])
      return record
    },

    async approve(by, id) {
      refuseMachine(by)
      const found = await requested(id)
      const { value } = found
      const isOne = maybeSame(value.requester, personOf(by)) || parts.linked?.(value.requester, personOf(by))
      if (isOne) {
        throw new Refusal('second-person-required', {
          check: 'requester',
          detail: 'who asked for it cannot approve it',
        })
      }
      refuseHeld(value.epoch, await holds.on(dayOf(value.epoch)))
      const approved: ShredRecord = {
        ...value,
        state: 'approved',
        approver: personOf(by),
        approvedAt: now(),
      }
      await move(found, approved)
      await destroy(value.epoch, actorOf(approved.approver!), factsOf(approved))
      return approved
    },

    async deny(by, id) {
      const found = await requested(id)
      const denied: ShredRecord = { ...found.value, state: 'denied', approver: personOf(by) }
      await move(found, denied)
      return denied
    },

    async list() {
      return (await all()).map(one => one.value).sort((a, b) => b.requestedAt - a.requestedAt)
    },

    async sweep() {
      const here = new Set([...(await log.epochs.list()), ...(await log.epochs.retired())])
      const wanted = new Map<string, () => Promise<boolean>>()
      for (const epoch of await log.epochs.retired()) {
        wanted.set(epoch, () => destroy(epoch, SELF, { by: 'recovery' }))
      }
      for (const { value } of await all()) {
        if (value.state !== 'approved' || !here.has(value.epoch)) continue
        wanted.set(value.epoch, () => destroy(value.epoch, actorOf(value.approver!), factsOf(value)))
      }
      for (const epoch of here) {
        const days = tooOld(epoch)
        if (days !== null && !wanted.has(epoch) && dayOf(epoch) < log.keyDay)
          wanted.set(epoch, () => destroy(epoch, SELF, { by: 'retention', days }))
      }
      for (const [epoch, act] of wanted) {
        try {
          await act()
        } catch (error) {
          parts.onTrouble?.(epoch, error)
        }
      }
    },
  }
}

function factsOf({ id, reason, requester, approver }: ShredRecord): Record<string, unknown> {
  return { by: 'hand', shred: id, reason, requester, approver }
}

function refuseMachine(by: Principal): void {
  if (by.kind === 'person') return
  throw new Refusal('second-person-required', {
    check: 'not-a-person',
    detail: `${by.username} is no person`,
  })
}

function refuseHeld(epoch: string, holds: readonly Hold[]): void {
  const [first] = holds
  if (first === undefined) return
  throw new Refusal('legal-hold', {
    check: 'hold',
    detail: `${epoch} is held by ${first.id}${holds.length > 1 ? ` and ${holds.length - 1} more` : ''}`,
  })
}
