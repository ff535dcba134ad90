import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import { StoreConflict } from '../../store/store.ts'
import { type ActParts, actEntry } from '../acts.ts'
import { dayOf } from '../keys/epochs.ts'
import { type Person, personOf } from '../person.ts'
import { principalFacts } from '../principal-facts.ts'

export type HoldScope =
  /** `yyyy-mm-dd`, UTC. */
  | { readonly day: string }
  | { readonly session: string }
  | { readonly issuer: string; readonly subject: string }

/** Legal hold: no key is destroyed that opens something of it. */
export interface Hold {
  readonly id: string
  readonly scope: HoldScope
  readonly reason: string
  readonly by: Person
  readonly at: number
}

export interface Holds {
  /** `late`: keys that were being destroyed at that very moment. */
  add(by: Principal, scope: HoldScope, reason: string): Promise<{ hold: Hold; late: readonly string[] }>
  release(by: Principal, id: string, reason: string): Promise<Hold>
  list(): Promise<readonly Hold[]>
  /** Those that stand against destroying the keys of a day. Rejects when the index cannot say. */
  on(day: string): Promise<readonly Hold[]>
}

export interface HoldParts extends ActParts {
  /** Keys that are being destroyed. */
  readonly destroying: () => Promise<readonly string[]>
}

const KIND = 'hold'
const DAY = 86_400_000
/** An answer that began on one day may go on for so many more, with records under their keys. */
const TAIL_DAYS = 7

export function createHolds(parts: HoldParts): Holds {
  const { store, log, index } = parts

  async function list(): Promise<Hold[]> {
    const found: Hold[] = []
    for (let after: string | undefined; ; ) {
      const page = await store.list<Hold>(KIND, after === undefined ? {} : { after })
      found.push(...page.map(one => one.value))
      if (page.length < 500) return found
      after = page.at(-1)!.key
    }
  }

  async function covers(scope: HoldScope, day: string): Promise<boolean> {
    if ('day' in scope) return scope.day === day
    const begin = Date.parse(`${day}T00:00:00Z`)
    const { items } = await index.search({
      limit: 1,
      ...('session' in scope ? { session: scope.session } : { principal: principalKey(scope) }),
      since: begin - TAIL_DAYS * DAY,
      until: begin + DAY,
    })
    return items.length > 0
  }

  async function daysOf(scope: HoldScope): Promise<string[]> {
    if ('day' in scope) return [scope.day]
    await index.caughtUp(log.size)
    const days: string[] = []
    for (const day of new Set((await log.epochs.list()).map(dayOf))) {
      if (await covers(scope, day)) days.push(day)
    }
    return days
  }

  const append = (kind: 'hold.add' | 'hold.release', by: Principal, facts: Record<string, unknown>) =>
    log.append(
      actEntry(
        { id: parts.newId(), kind, principal: principalFacts(by), policyDigest: parts.policyDigest() },
        facts,
      ),
    )

  return {
    list,
    async add(by, scope, reason) {
      const id = parts.newId()
      const hold: Hold = { id, scope, reason, by: personOf(by), at: parts.now() }
      // In force from here on; whoever destroys keys says so first and looks here then.
      await store.commit([{ op: 'create', kind: KIND, key: id, value: hold }])
      const days = await daysOf(scope)
      const late = (await parts.destroying()).filter(epoch => days.includes(dayOf(epoch)))
      await append('hold.add', by, {
        hold: id,
        scope,
        reason,
        days: days.filter(day => !late.map(dayOf).includes(day)),
      })
      return { hold, late }
    },
    async release(by, id, reason) {
      const found = await store.get<Hold>(KIND, id)
      if (found === undefined)
        throw new Refusal('resource-unknown', { check: 'hold', detail: `there is no hold ${id}` })
      await append('hold.release', by, { hold: id, scope: found.value.scope, reason })
      try {
        await store.commit([{ op: 'delete', kind: KIND, key: id, version: found.version }])
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
      }
      return found.value
    },
    async on(day) {
      const holds = await list()
      if (holds.some(({ scope }) => !('day' in scope))) await index.caughtUp(log.size)
      const found: Hold[] = []
      for (const hold of holds) if (await covers(hold.scope, day)) found.push(hold)
      return found
    },
  }
}
