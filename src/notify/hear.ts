import { atMost } from '../at-most.ts'
import type { Head } from '../audit/entry.ts'
import { tokenDigest } from '../identity/token-digest.ts'
import { unavailable } from '../store/failures.ts'
import { type Change, type StateStore, StoreConflict } from '../store/store.ts'
import type { Ack, Answered, Channel, ChannelPerson, Incoming, Polled, Said, Wake } from './contract.ts'

/** What came in by the network; null: it was read by us. */
export type Sender = { readonly call: string; readonly client: NonNullable<Head['client']> } | null

export interface Heard {
  /** What it was about, as far as that is known. */
  readonly approval?: string
  /** It had come before, and changed nothing. */
  readonly repeated: boolean
  readonly ack?: Ack
}

export interface HearParts {
  readonly store: StateStore
  readonly now: () => number
  readonly onError: (error: unknown) => void
  /** Until when something that is said again is a repetition of it; undefined: the channel was never told of this approval. */
  rememberUntil(channel: string, approval: string): number | undefined
  /** Tells or reads it once more; resolves with its id. */
  wake(channel: Channel, wake: Wake): Promise<string | undefined>
  /** Throws Refusals of 500 and above only: then it may be tried again. */
  decide(channel: Channel, said: Said, sender: Sender): Promise<Answered>
  claim(channel: string, code: string, person: ChannelPerson): Promise<boolean>
}

export interface Hearing {
  receive(channel: Channel, incoming: Incoming, sender: Sender): Promise<Heard>
  /** What was read under a reference. */
  take(channel: Channel, polled: Polled, reference: string): Promise<void>
  sweep(): Promise<void>
  /** Waits a little for what is under way. */
  close(): Promise<void>
}

interface ReceivedRecord {
  /** Until when it is remembered. */
  readonly until: number
  /** Until when somebody works on it; null: it is done. */
  readonly busyUntil: number | null
}

const RECEIVED_KIND = 'notify.received'
const REMEMBERED = 900_000
/** A gateway that went down amid it has it no longer. */
const BUSY = 60_000
/** Chats want an answer within three seconds; what takes longer goes on behind it. */
const PATIENCE = 2_500

/** What channels and their people say: each thing once, however often it comes. */
export function createHearing(parts: HearParts): Hearing {
  const { store, now } = parts
  const underWay = new Set<Promise<unknown>>()

  async function commit(change: Change): Promise<boolean> {
    try {
      await store.commit([change])
      return true
    } catch (error) {
      if (error instanceof StoreConflict) return false
      throw error
    }
  }

  /** Runs `work` unless this very thing was done, or is being done. A failure leaves no trace: it may come again. */
  async function once(name: string, id: string, until: number, work: () => Promise<void>): Promise<boolean> {
    const key = tokenDigest(`${name}\n${id}`)
    const busy: ReceivedRecord = { until, busyUntil: now() + BUSY }
    const record = { kind: RECEIVED_KIND, key }
    const before = await store.get<ReceivedRecord>(RECEIVED_KIND, key).catch(unavailable)
    if (before !== undefined && (before.value.busyUntil === null || now() < before.value.busyUntil)) {
      return false
    }
    const begin: Change =
      before === undefined
        ? { op: 'create', ...record, value: busy }
        : { op: 'update', ...record, version: before.version, value: busy }
    if (!(await commit(begin).catch(unavailable))) return false
    const version = (before?.version ?? 0) + 1
    try {
      await work()
    } catch (error) {
      const mine = await store.get(RECEIVED_KIND, key).catch(() => undefined)
      if (mine !== undefined && mine.version >= version) {
        await commit({ op: 'delete', ...record, version: mine.version }).catch(parts.onError)
      }
      throw error
    }
    const mine = await store.get(RECEIVED_KIND, key).catch(unavailable)
    if (mine !== undefined) {
      const value: ReceivedRecord = { until, busyUntil: null }
      await commit({ op: 'update', ...record, version: mine.version, value }).catch(parts.onError)
    }
    return true
  }

  async function hear(
    channel: Channel,
    said: Said,
    id: string,
    sender: Sender,
    reference?: string,
  ): Promise<boolean> {
    const until = parts.rememberUntil(channel.name, said.approval)
    if (until === undefined) {
      await answer(channel, said, {
        ...{ done: false, link: null },
        words: 'There is no such approval here, or it ended long ago.',
      })
      return false
    }
    return once(channel.name, id, until, async () => {
      try {
        const answered = await parts.decide(channel, said, sender)
        await answer(channel, said, answered)
        if (reference !== undefined && !answered.done) answerAloud(channel, said, answered, reference, until)
      } catch (error) {
        const words = 'Sallyport could not do this now. Nothing is decided; please try again.'
        await answer(channel, said, { done: false, words, link: null })
        throw error
      }
    })
  }

  async function answer(channel: Channel, said: Said, answered: Answered): Promise<void> {
    const told = channel.reply?.(said, answered)
    if (told === undefined) return
    inBackground(
      told.catch(cause => {
        throw new Error(`channel ${channel.name} could not tell a person what came of it`, { cause })
      }),
    )
  }

  /** Each person hears each thing once under an approval: others read it as well, and who repeats himself fills no room. */
  function answerAloud(
    channel: Channel,
    said: Said,
    answered: Answered,
    reference: string,
    until: number,
  ): void {
    if (channel.answer === undefined) return
    const id = `aloud\n${said.approval}\n${said.person.id}\n${answered.words}`
    const telling = once(channel.name, id, until, () =>
      channel.answer!(reference, said, answered, tokenDigest(`${channel.name}\n${id}`)),
    )
    inBackground(
      telling.catch(cause => {
        throw new Error(`channel ${channel.name} could not say what came of it`, { cause })
      }),
    )
  }

  function inBackground(work: Promise<unknown>): void {
    const done = work.catch(parts.onError).finally(() => underWay.delete(done))
    underWay.add(done)
  }

  /** As long as the sender waits for it; then behind its back, where failures are for the operator. */
  async function soon<T>(work: Promise<T>): Promise<T | undefined> {
    let result: T | undefined
    let isLate = false
    const done = work.then(
      value => {
        result = value
      },
      error => {
        if (!isLate) throw error
        parts.onError(error)
      },
    )
    const tracked = done.catch(() => {}).finally(() => underWay.delete(tracked))
    underWay.add(tracked)
    await atMost(done, PATIENCE)
    isLate = true
    return result
  }

  return {
    async receive(channel, incoming, sender) {
      const got = channel.receive!(incoming)
      const ack = got.ack === undefined ? {} : { ack: got.ack }
      const id = `in\n${got.once}`
      switch (got.kind) {
        case 'wake': {
          let approval = got.approval
          const fresh = await once(channel.name, id, now() + REMEMBERED, async () => {
            approval = (await parts.wake(channel, got)) ?? approval
          })
          return { ...ack, ...(approval === undefined ? {} : { approval }), repeated: !fresh }
        }
        case 'said': {
          const fresh = await soon(hear(channel, got, id, sender))
          return { ...ack, approval: got.approval, repeated: fresh === false }
        }
        case 'aside': {
          const fresh = await soon(once(channel.name, id, now() + REMEMBERED, () => got.run()))
          return { ...ack, repeated: fresh === false }
        }
      }
    },
    async take(channel, polled, reference) {
      const id = `read\n${polled.once}`
      if (polled.kind === 'said') {
        await hear(channel, polled, id, null, reference)
        return
      }
      const { code, person } = polled
      await once(channel.name, id, now() + REMEMBERED, async () => {
        await parts.claim(channel.name, code, person)
      })
    },
    async sweep() {
      let after: string | undefined
      for (;;) {
        const page = await store.list<ReceivedRecord>(RECEIVED_KIND, after === undefined ? {} : { after })
        for (const { key, version, value } of page) {
          if (now() >= value.until) await commit({ op: 'delete', kind: RECEIVED_KIND, key, version })
        }
        after = page.at(-1)?.key
        if (page.length < 500) return
      }
    },
    close: () => atMost(Promise.allSettled(underWay), 2_000),
  }
}
