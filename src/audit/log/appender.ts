import { constants } from 'node:os'
import { Refusal } from '../../errors/refusal.ts'
import type { EntryReceipt, NewEntry } from '../entry.ts'
import type { EntryClock } from '../heads/clock.ts'
import { type Batch, openBatch } from './batch.ts'
import { type Build, checkEntry } from './build.ts'
import type { DurableBatch, LogFailure, WrittenKey } from './contract.ts'
import { trackCall } from './recover.ts'
import type { OpenCall } from './wal.ts'
import type { segmentPlan } from './writer.ts'

/**
 * Group commit. Entries gather in a batch; a batch's records are synced to the segment, then its leaves to the
 * write-ahead file, then its appends resolve. The next batch's first step runs beside this one's second. A batch with
 * few records has one step: they are synced in the write-ahead file too.
 */
export interface Appender {
  readonly size: number
  readonly sealed: LogFailure | null
  append(entry: NewEntry, when?: 'now' | 'soon'): Promise<EntryReceipt>
  /** Calls with an intent and no outcome, as appended. */
  openCalls(): OpenCall[]
  /** Whether some wait for their keys, and are not appended yet. */
  readonly waits: boolean
  /** The same as durable; what a new write-ahead file must know. */
  durableCalls(): Iterable<OpenCall>
  /** Resolves when everything appended so far is durable, or the log is sealed. */
  flushed(): Promise<void>
  seal(check: LogFailure['check'] | null, cause: unknown): void
  /** No append is taken any more; those that wait are. */
  stop(): void
}

export interface AppenderParts {
  readonly size: number
  readonly open: ReadonlyMap<string, OpenCall>
  readonly deadline: number
  readonly now: () => number
  readonly clock: EntryClock
  readonly build: Build
  readonly plan: ReturnType<typeof segmentPlan>
  /** Whether the write-ahead file can take the batch's records as well; the answer holds until the next batch is taken. */
  carries(batch: Batch): boolean
  /** The check by which this entry is not taken although the log as such can be written; else null. */
  refuses(entry: NewEntry): string | null
  /** Whether the keys that the entry takes are there; else it waits for `whenReady`, and all after it wait behind it. */
  isReady(entry: NewEntry): boolean
  whenReady(): Promise<void>
  /** Makes a batch's records durable. */
  writeRecords(batch: Batch): Promise<void>
  /** Makes a batch's leaves durable, and its records when they are carried; one batch at a time, in order. */
  writeLeaves(batch: Batch, carried: boolean): Promise<void>
  /** Right after the appends of the batch were resolved. */
  onDurable(batch: DurableBatch): void
  onSealed(failure: LogFailure): void
}

/** Milliseconds that an entry nobody waits for may wait for company. */
const SOON = 5

/** Times that the watch must meet the same batch at work before it is late. */
const TURNS = 20

interface Held {
  readonly entry: NewEntry
  readonly when: 'now' | 'soon'
  readonly resolve: (receipt: EntryReceipt) => void
  readonly reject: (error: Error) => void
}

export function openAppender(parts: AppenderParts): Appender {
  const { build, clock, deadline, plan } = parts
  const open = new Map(parts.open)
  const durableOpen = new Map(parts.open)
  let next = parts.size
  let durable = parts.size
  let failure: LogFailure | null = null
  let stopped = false
  let pending: Batch | null = null
  let scheduled = false
  /** Wakes a batch of which nobody waits. */
  let later: NodeJS.Timeout | null = null
  let recordsBusy: Batch | null = null
  let leavesBusy: Batch | null = null
  let between: Batch | null = null
  let betweenCarried = false
  let watchdog: NodeJS.Timeout | null = null
  let watched: Batch | null = null
  let turns = 0
  let flushWaiters: (() => void)[] = []
  const held: Held[] = []

  function append(entry: NewEntry, when: 'now' | 'soon' = 'now'): Promise<EntryReceipt> {
    if (failure !== null || stopped) return Promise.reject(unavailable())
    return held.length > 0 || !parts.isReady(entry) ? hold(entry, when) : take(entry, when)
  }

  function hold(entry: NewEntry, when: 'now' | 'soon'): Promise<EntryReceipt> {
    return new Promise((resolve, reject) => {
      held.push({ entry, when, resolve, reject })
      if (held.length === 1) awaitKeys()
    })
  }

  function awaitKeys(): void {
    parts.whenReady().then(
      () => {
        while (held.length > 0 && failure === null && parts.isReady(held[0]!.entry)) {
          const { entry, when, resolve, reject } = held.shift()!
          take(entry, when).then(resolve, reject)
        }
        if (held.length > 0 && failure === null) awaitKeys()
        else if (idle()) wakeFlushWaiters()
      },
      cause => {
        const refusal = new Refusal('audit-unavailable', { check: 'recipients', cause })
        for (const { reject } of held.splice(0)) reject(refusal)
        if (idle()) wakeFlushWaiters()
      },
    )
  }

  function take(entry: NewEntry, when: 'now' | 'soon'): Promise<EntryReceipt> {
    if (failure !== null) return Promise.reject(unavailable())
    const wrong = checkEntry(entry) ?? checkPhase(entry)
    if (wrong !== null)
      return Promise.reject(new Refusal('internal', { check: 'audit-entry', cause: new Error(wrong) }))
    const refused = parts.refuses(entry)
    if (refused !== null) return Promise.reject(new Refusal('audit-unavailable', { check: refused }))
    pending ??= openBatch(next, plan.place(next))
    const batch = pending
    const offset = batch.records.length
    const call = open.get(entry.call)
    try {
      const frame = entry.phase === 'frame' ? call!.frames : -1
      const frames = entry.phase === 'outcome' ? call!.frames : -1
      const back = next - batch.first
      const built = build(entry, next, frame, frames, { ...destination(batch), back })
      const length = batch.records.length - offset
      batch.entries.push({
        index: next,
        time: clock.milliseconds,
        entry,
        leaf: built.leaf,
        head: built.head,
        segment: batch.segment,
        offset: batch.position + offset,
        length,
        keys: placed(built.keys, batch.position),
      })
      plan.advance(length)
    } catch (error) {
      // Before any byte was laid down the fault is the entry's own (a head that JSON cannot hold).
      if (batch.records.length === offset && batch.frames.length === framesLength(batch)) {
        if (batch.entries.length === 0) pending = null
        return Promise.reject(new Refusal('internal', { check: 'audit-entry', cause: error }))
      }
      seal('io-error', error)
      return Promise.reject(unavailable())
    }
    next += 1
    trackCall(open, entry)
    if (when === 'now') {
      batch.urgent = true
      schedule()
    } else if (!batch.urgent) later ??= setTimeout(hurry, SOON)
    watchdog ??= setTimeout(watch, deadline / TURNS)
    return new Promise((resolve, reject) => {
      batch.waiting.push({ resolve, reject })
    })
  }

  function schedule(): void {
    if (scheduled || recordsBusy !== null || between !== null) return
    scheduled = true
    setImmediate(pump) // after this turn, so that what arrived together is one batch
  }

  function hurry(): void {
    later = null
    if (pending === null || pending.urgent) return
    pending.urgent = true
    schedule()
  }

  function placed(keys: readonly WrittenKey[] | null, position: number): WrittenKey[] | null {
    return keys?.map(({ kid, offset }) => ({ kid, offset: offset + position })) ?? null
  }

  function framesLength(batch: Batch): number {
    let length = 0
    for (const { leaf } of batch.entries) length += leaf.length + 20
    return length
  }

  function destination(batch: Batch) {
    return { records: batch.records, frames: batch.frames, segment: batch.segment }
  }

  function checkPhase(entry: NewEntry): string | null {
    const isOpen = open.has(entry.call)
    if (entry.phase === 'intent') return isOpen ? 'a second intent of one call' : null
    if (entry.phase === 'state') return null
    return isOpen ? null : `an ${entry.phase} without an intent`
  }

  function pump(): void {
    scheduled = false
    if (failure !== null || pending === null || recordsBusy !== null || between !== null) return
    if (!pending.urgent) {
      later ??= setTimeout(hurry, SOON)
      return
    }
    const batch = pending
    if (batch.records.length === 0 || parts.carries(batch)) {
      if (leavesBusy !== null) return // it gathers more until then
      pending = null
      between = batch
      betweenCarried = true
      pumpLeaves()
      return
    }
    pending = null
    recordsBusy = batch
    parts.writeRecords(batch).then(
      () => {
        recordsBusy = null
        if (failure !== null) return
        between = batch
        betweenCarried = false
        pumpLeaves()
      },
      error => seal(null, error),
    )
  }

  function pumpLeaves(): void {
    if (leavesBusy !== null || between === null) return
    const batch = between
    between = null
    leavesBusy = batch
    parts.writeLeaves(batch, betweenCarried).then(
      () => {
        leavesBusy = null
        if (failure === null) settle(batch)
      },
      error => seal(null, error),
    )
    pump()
  }

  function settle(batch: Batch): void {
    durable += batch.entries.length
    for (const [at, { resolve }] of batch.waiting.entries()) {
      const { index, time, entry } = batch.entries[at]!
      trackCall(durableOpen, entry)
      resolve({ index, time })
    }
    try {
      parts.onDurable({ first: batch.first, entries: batch.entries })
    } catch (error) {
      seal('io-error', error)
      return
    }
    if (between !== null) pumpLeaves()
    else pump()
    if (idle()) wakeFlushWaiters()
  }

  function idle(): boolean {
    return (
      held.length === 0 && pending === null && recordsBusy === null && between === null && leavesBusy === null
    )
  }

  function oldest(): Batch | null {
    return leavesBusy ?? between ?? recordsBusy ?? pending
  }

  // A blocked event loop is not a blocked disk: what is counted are turns of the watch, and one that came late counts
  // once, so that completions that wait for their turn are taken first.
  function watch(): void {
    watchdog = null
    if (failure !== null) return
    const batch = oldest()
    if (batch === null) return
    if (batch !== watched) {
      watched = batch
      turns = 0
    }
    turns += 1
    if (turns < TURNS) watchdog = setTimeout(watch, deadline / TURNS)
    else {
      setImmediate(() => {
        if (oldest() === batch) seal('deadline', new Error(`an append took longer than ${deadline} ms`))
        else watchdog ??= setTimeout(watch, deadline / TURNS)
      })
    }
  }

  function seal(check: LogFailure['check'] | null, cause: unknown): void {
    if (failure !== null) return
    const { code, errno } = (cause ?? {}) as NodeJS.ErrnoException
    // libuv has no name for EDQUOT.
    const full = code === 'ENOSPC' || errno === -constants.errno.EDQUOT
    failure = {
      check: check ?? (full ? 'disk-full' : code === 'ETIMEDOUT' ? 'deadline' : 'io-error'),
      detail: cause instanceof Error ? cause.message : String(cause),
      since: parts.now(),
      cause,
    }
    if (watchdog !== null) clearTimeout(watchdog)
    if (later !== null) clearTimeout(later)
    const batches = [leavesBusy, between, recordsBusy, pending]
    pending = null
    between = null
    for (const batch of batches) for (const { reject } of batch?.waiting ?? []) reject(unavailable())
    for (const { reject } of held.splice(0)) reject(unavailable())
    wakeFlushWaiters()
    parts.onSealed(failure)
  }

  function unavailable(): Refusal {
    if (failure === null) return new Refusal('audit-unavailable', { check: 'closed' })
    return new Refusal('audit-unavailable', { check: failure.check, cause: failure.cause })
  }

  function wakeFlushWaiters(): void {
    const waiters = flushWaiters
    flushWaiters = []
    for (const wake of waiters) wake()
  }

  return {
    get size() {
      return durable
    },
    get sealed() {
      return failure
    },
    append,
    get waits() {
      return held.length > 0
    },
    openCalls: () => [...open.values()],
    durableCalls: () => durableOpen.values(),
    flushed() {
      if (idle() || failure !== null) return Promise.resolve()
      hurry()
      return new Promise(resolve => flushWaiters.push(resolve))
    },
    seal,
    stop() {
      stopped = true
      if (watchdog !== null && idle()) clearTimeout(watchdog)
    },
  }
}
