import type { Approval } from '../approvals/contract.ts'
import { followAll } from '../approvals/followed.ts'
import { messageOf } from '../approvals/message.ts'
import { APPROVAL_KIND } from '../approvals/records.ts'
import { atMost } from '../at-most.ts'
import { Refusal } from '../errors/refusal.ts'
import type { ChangeFeed } from '../store/change-feed.ts'
import { unavailable } from '../store/failures.ts'
import { type Change, type StateStore, StoreConflict, type Stored } from '../store/store.ts'
import {
  type Answered,
  type Channel,
  type ChannelPerson,
  type Incoming,
  type Said,
  TryLater,
} from './contract.ts'
import { DELIVERY_KIND, type Delivery, deliveryKey, pauseAfter, stepOf } from './deliveries.ts'
import { createHearing, type Heard, type Sender } from './hear.ts'
import { createPolling } from './poll.ts'

/**
 * Tells channels of approvals: each step at least once, however often a gateway or a channel goes down. What is to be told
 * is a record in the store, so that any gateway can go on with it; a slow channel holds up no other.
 */
export interface Notify {
  /** Replaces them. */
  setChannels(channels: readonly Channel[]): void
  /** What somebody sent to a channel. Throws Refusals. */
  receive(channel: string, incoming: Incoming, sender: Sender): Promise<Heard>
  channels(): readonly Channel[]
  /** Looks for what is to be done, and does it. Runs by itself. */
  tick(): Promise<void>
  close(): Promise<void>
}

export interface NotifyParts {
  readonly store: StateStore
  readonly feed: ChangeFeed
  readonly now: () => number
  /** URL of the gateway, without a slash at its end. */
  readonly base: () => string
  readonly onError: (error: unknown) => void
  /** What a person of a channel has said is judged and done there. Throws Refusals of 500 and above only. */
  decide(channel: Channel, said: Said, sender: Sender): Promise<Answered>
  /** Somebody of a channel wrote a code that the page has shown. */
  claim(channel: string, code: string, person: ChannelPerson): Promise<boolean>
  /** Milliseconds between two rounds; 0: only when asked. */
  readonly every?: number
}

/** For one attempt; then another gateway may try. */
const LEASE = 60_000
const ATTEMPT = 20_000
const AT_ONCE = 4
/** A new channel is not told of what was over before. */
const NEWS = 600_000
const KEPT = 7_200_000
const GIVEN_UP = 86_400_000

export async function openNotify(parts: NotifyParts): Promise<Notify> {
  const { store, feed, now } = parts
  let channels = new Map<string, Channel>()
  const underWay = new Map<string, Promise<void>>()
  const perChannel = new Map<string, number>()
  /** Approvals that have changed; null: all are to be looked at. */
  let changed: Set<string> | null = null
  /** Keys of what is not told yet. */
  const open = new Set<string>()
  let closed = false
  let sweptAt = 0

  const soon = (): void => {
    if (parts.every !== 0 && channels.size > 0) setImmediate(() => void tick().catch(parts.onError))
  }
  const approvals = await followAll<Approval>(feed, APPROVAL_KIND, approval => {
    if (approval === undefined) return
    changed?.add(approval.id)
    soon()
  })
  const deliveries = await followAll<Delivery>(feed, DELIVERY_KIND, (value, before) => {
    const { channel, approval } = (value ?? before)!
    const key = deliveryKey(channel, approval)
    if (value === undefined || value.done === value.wanted) open.delete(key)
    else open.add(key)
  })

  async function commit(change: Change): Promise<boolean> {
    try {
      const [written] = await store.commit([change])
      if (change.kind !== DELIVERY_KIND) return true
      if (change.op === 'delete') deliveries.remove(change.key, written!.revision)
      else deliveries.put({ ...written!, value: change.value as Delivery })
      return true
    } catch (error) {
      // Another gateway was first.
      if (error instanceof StoreConflict) return false
      throw error
    }
  }

  /** A record for each step that a channel has not been promised yet. */
  async function promise(): Promise<void> {
    const at = now()
    const ids = changed ?? new Set([...approvals.values()].map(one => one.id))
    changed = new Set()
    try {
      for (const id of ids) await promiseOne(id, at)
    } catch (error) {
      changed = null
      throw error
    }
  }

  async function promiseOne(id: string, at: number): Promise<void> {
    const approval = approvals.get(id)?.value
    if (approval === undefined) return
    const wanted = stepOf(approval)
    for (const channel of channels.values()) {
      const key = deliveryKey(channel.name, approval.id)
      const known = deliveries.get(key)
      if (known?.value.wanted === wanted) continue
      const message = messageOf(approval, parts.base())
      if (known !== undefined) {
        // Its time stays: somebody may be telling it the step before, and must end first.
        const value: Delivery = { ...known.value, wanted, message, at }
        const change = { op: 'update', kind: DELIVERY_KIND, key, version: known.version, value } as const
        // Another gateway has told a step of it meanwhile: looked at once more when that is known here.
        if (!(await commit(change))) changed?.add(id)
        continue
      }
      if (
        approval.state !== 'pending' &&
        at - Math.max(approval.closedAt ?? 0, approval.notices?.at(-1)?.at ?? 0) > NEWS
      )
        continue
      if (!channel.wants(message)) continue
      const value: Delivery = {
        ...{ channel: channel.name, approval: approval.id, wanted, message },
        ...{ done: null, reference: null, attempts: 0, dueAt: at, at },
      }
      await commit({ op: 'create', kind: DELIVERY_KIND, key, value })
    }
  }

  const hearing = createHearing({
    ...{ store, now, onError: parts.onError },
    decide: parts.decide,
    claim: parts.claim,
    rememberUntil(channel, approval) {
      const known = deliveries.get(deliveryKey(channel, approval))?.value
      return known === undefined ? undefined : Math.max(now(), known.message.deadline) + KEPT
    },
    async wake(channel, { approval, reference }) {
      const delivery = deliveryOf(channel.name, approval, reference)
      if (delivery === undefined) return undefined
      if (channel.poll === undefined) {
        const key = deliveryKey(channel.name, delivery.approval)
        await settle(key, seen => ({ ...seen, done: null, attempts: 0, dueAt: now() })).catch(unavailable)
      } else polling.now(channel, delivery)
      return delivery.approval
    },
  })
  const polling = createPolling({
    ...{ store, now, onError: parts.onError },
    deliveries: () => deliveries.values(),
    take: hearing.take,
  })

  function deliveryOf(channel: string, approval?: string, reference?: string): Delivery | undefined {
    if (approval !== undefined) return deliveries.get(deliveryKey(channel, approval))?.value
    for (const one of deliveries.values()) {
      if (one.channel === channel && one.reference !== null && one.reference === reference) return one
    }
    return undefined
  }

  function start(one: Stored<Delivery>, channel: Channel): void {
    const { key } = one
    perChannel.set(channel.name, (perChannel.get(channel.name) ?? 0) + 1)
    const done = deliver(one, channel)
      .catch(parts.onError)
      .finally(() => {
        underWay.delete(key)
        perChannel.set(channel.name, perChannel.get(channel.name)! - 1)
      })
    underWay.set(key, done)
  }

  async function deliver(one: Stored<Delivery>, channel: Channel): Promise<void> {
    const { key, value } = one
    const attempts = value.attempts + 1
    const claim: Delivery = { ...value, attempts, dueAt: now() + LEASE }
    if (!(await commit({ op: 'update', kind: DELIVERY_KIND, key, version: one.version, value: claim })))
      return
    try {
      let told: string | undefined
      const telling = tell(channel, value).then(reference => {
        told = reference
      })
      await atMost(telling, ATTEMPT)
      if (told === undefined) throw new Error('it did not answer in time')
      const reference = told
      await settle(key, seen => ({ ...seen, reference, done: value.wanted, attempts: 0, dueAt: now() }))
    } catch (error) {
      parts.onError(
        new Error(`channel ${channel.name} could not be told of ${value.approval}`, { cause: error }),
      )
      const asked = error instanceof TryLater ? error.pause : 0
      const dueAt = now() + Math.max(asked, pauseAfter(attempts, Math.random()))
      await settle(key, seen => ({ ...seen, dueAt }))
    }
  }

  /** On whatever the record is by now: the approval may have moved on meanwhile. */
  async function settle(key: string, next: (seen: Delivery) => Delivery): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const seen = await store.get<Delivery>(DELIVERY_KIND, key)
      if (seen === undefined) return
      const value = { ...next(seen.value), at: now() }
      if (await commit({ op: 'update', kind: DELIVERY_KIND, key, version: seen.version, value }))
        return soon()
    }
  }

  async function sweep(): Promise<void> {
    const at = now()
    for (const { channel, approval } of [...deliveries.values()]) {
      const one = deliveries.get(deliveryKey(channel, approval))!
      const { done, wanted, message, at: changed } = one.value
      const isOver = done === wanted && message.state !== 'pending' && at - changed > KEPT
      const isLost = done !== wanted && at - message.deadline > GIVEN_UP
      if (!isOver && !isLost) continue
      if (isLost) parts.onError(new Error(`channel ${channel} was never told of ${approval}`))
      await commit({ op: 'delete', kind: DELIVERY_KIND, key: one.key, version: one.version })
    }
    await hearing.sweep()
  }

  async function round(): Promise<void> {
    if (closed) return
    if (channels.size > 0) await promise()
    await polling.round(channels.values()).catch(parts.onError)
    const at = now()
    let room = channels.size * AT_ONCE - underWay.size
    for (const key of open) {
      if (room <= 0) break
      const { value } = deliveries.get(key)!
      const channel = channels.get(value.channel)
      if (channel === undefined || value.dueAt > at) continue
      if (underWay.has(key) || (perChannel.get(channel.name) ?? 0) >= AT_ONCE) continue
      start(deliveries.get(key)!, channel)
      room -= 1
    }
    if (at - sweptAt < 60_000) return
    sweptAt = at
    // What another gateway did not come to promise.
    changed = null
    await sweep()
  }

  let running: Promise<void> = Promise.resolve()
  function tick(): Promise<void> {
    running = running.then(round, round)
    return running
  }
  const every = parts.every ?? 1_000
  const timer = every > 0 ? setInterval(() => void tick().catch(parts.onError), every).unref() : undefined

  return {
    setChannels(next) {
      const before = channels
      channels = new Map(next.map(channel => [channel.name, channel]))
      changed = null
      soon()
      for (const one of before.values()) if (!next.includes(one)) one.end().catch(parts.onError)
    },
    async receive(name, incoming, sender) {
      const channel = channels.get(name)
      if (channel?.receive === undefined) {
        throw new Refusal('resource-unknown', {
          check: 'channel',
          detail: 'there is no channel of this name that takes requests',
        })
      }
      return hearing.receive(channel, incoming, sender)
    },
    channels: () => [...channels.values()],
    tick,
    async close() {
      closed = true
      clearInterval(timer)
      await running.catch(() => {})
      await atMost(Promise.allSettled([...underWay.values(), polling.settled(), hearing.close()]), 2_000)
      approvals.stop()
      deliveries.stop()
      await Promise.allSettled([...channels.values()].map(channel => channel.end()))
    },
  }
}

async function tell(channel: Channel, { message, reference, wanted }: Delivery): Promise<string> {
  const key = `${message.id}.${wanted}`
  const made = reference ?? (await channel.create(message, key))
  if (reference === null) return made.slice(0, 500)
  if (message.state === 'pending') await channel.update(reference, message, key)
  else await channel.close(reference, message, key)
  return reference
}
