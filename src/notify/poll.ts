import { randomUUID } from 'node:crypto'
import { atMost } from '../at-most.ts'
import { type StateStore, StoreConflict } from '../store/store.ts'
import type { Channel, Polled } from './contract.ts'
import { type Delivery, deliveryKey, pauseAfter } from './deliveries.ts'

export interface PollParts {
  readonly store: StateStore
  readonly now: () => number
  readonly onError: (error: unknown) => void
  deliveries(): Iterable<Delivery>
  take(channel: Channel, polled: Polled, reference: string): Promise<void>
}

export interface Polling {
  /** Begins to read what is due on these channels; does not wait for it. */
  round(channels: Iterable<Channel>): Promise<void>
  /** This one now, whoever else reads the channel. */
  now(channel: Channel, delivery: Delivery): void
  settled(): Promise<unknown>
}

interface Lease {
  readonly by: string
  readonly until: number
}

const LEASE_KIND = 'notify.poller'
const LEASE = 30_000
const RENEW = 10_000
const EVERY = 15_000
const AT_ONCE = 4
const ATTEMPT = 20_000

/**
 * Reads channels that cannot prove what they send. Of several gateways one reads a channel, so that it is not asked twice as
 * often; what two of them read all the same counts once.
 */
export function createPolling(parts: PollParts): Polling {
  const me = randomUUID()
  const leases = new Map<string, { readonly mine: boolean; readonly until: number }>()
  const due = new Map<string, { readonly at: number; readonly failures: number }>()
  const underWay = new Map<string, Promise<void>>()
  const perChannel = new Map<string, number>()
  /** To be read once more: what somebody says of it may be younger than the reading that is under way. */
  const again = new Map<string, Delivery>()

  async function isMine(channel: string): Promise<boolean> {
    const at = parts.now()
    const known = leases.get(channel)
    if (known !== undefined && at < known.until) return known.mine
    const before = await parts.store.get<Lease>(LEASE_KIND, channel)
    if (before !== undefined && before.value.by !== me && at < before.value.until) {
      leases.set(channel, { mine: false, until: Math.min(before.value.until, at + RENEW) })
      return false
    }
    const record = { kind: LEASE_KIND, key: channel, value: { by: me, until: at + LEASE } }
    try {
      await parts.store.commit([
        before === undefined
          ? { op: 'create', ...record }
          : { op: 'update', version: before.version, ...record },
      ])
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      return false
    }
    leases.set(channel, { mine: true, until: at + RENEW })
    return true
  }

  function start(channel: Channel, delivery: Delivery): void {
    const key = deliveryKey(delivery.channel, delivery.approval)
    if (underWay.has(key)) return
    perChannel.set(channel.name, (perChannel.get(channel.name) ?? 0) + 1)
    const done = read(channel, delivery, key).finally(() => {
      underWay.delete(key)
      perChannel.set(channel.name, perChannel.get(channel.name)! - 1)
      const more = again.get(key)
      if (again.delete(key)) start(channel, more!)
    })
    underWay.set(key, done)
  }

  async function read(channel: Channel, { reference, message }: Delivery, key: string): Promise<void> {
    const failures = due.get(key)?.failures ?? 0
    const every = channel.pollEvery ?? EVERY
    due.set(key, { at: parts.now() + every, failures })
    try {
      let found: readonly Polled[] | undefined
      const reading = channel.poll!(reference!, message).then(result => {
        found = result
      })
      await atMost(reading, ATTEMPT)
      if (found === undefined) throw new Error('it did not answer in time')
      for (const polled of found) await parts.take(channel, polled, reference!)
      due.set(key, { at: parts.now() + every, failures: 0 })
    } catch (cause) {
      const pause = Math.max(every, pauseAfter(failures + 1, Math.random()))
      due.set(key, { at: parts.now() + pause, failures: failures + 1 })
      parts.onError(new Error(`channel ${channel.name} could not be read`, { cause }))
    }
  }

  // While something newer is still to be told, people look at what is no more.
  const readable = ({ reference, message, done, wanted }: Delivery): boolean =>
    reference !== null && message.state === 'pending' && done === wanted

  return {
    async round(channels) {
      const mine = new Map<string, Channel>()
      for (const channel of channels) {
        if (channel.poll !== undefined && (await isMine(channel.name))) mine.set(channel.name, channel)
      }
      if (mine.size === 0) return
      const seen = new Set<string>()
      for (const delivery of parts.deliveries()) {
        const channel = mine.get(delivery.channel)
        if (channel === undefined || !readable(delivery)) continue
        const key = deliveryKey(delivery.channel, delivery.approval)
        seen.add(key)
        if ((perChannel.get(channel.name) ?? 0) >= AT_ONCE) continue
        if ((due.get(key)?.at ?? 0) <= parts.now()) start(channel, delivery)
      }
      for (const key of due.keys()) if (!seen.has(key) && !underWay.has(key)) due.delete(key)
    },
    now(channel, delivery) {
      if (channel.poll === undefined || !readable(delivery)) return
      const key = deliveryKey(delivery.channel, delivery.approval)
      if (underWay.has(key)) again.set(key, delivery)
      else start(channel, delivery)
    },
    settled: () => Promise.allSettled(underWay.values()),
  }
}
