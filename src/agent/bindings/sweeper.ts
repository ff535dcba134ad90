import type { MadeRequest } from '../upstream/api-client.ts'
import { type BindingObject, endOf, sessionOf } from './binding.ts'
import type { Note } from './in-force.ts'

/** Milliseconds between two looks while there is something to end, and when there is nothing. */
const EVERY = 5_000
const IDLE = 60_000
/** Requests that are kept until somebody asks for them. */
const MOST_KEPT = 1_000

export interface Sweeper {
  sweep(made: Note): Promise<number>
  /** Something ends at `at`: look then. */
  due(at: number): void
  /** Keeps a request that nobody waits for. */
  note(request: MadeRequest): void
  stop(): void
}

export interface SweeperParts {
  list(made: Note): Promise<BindingObject[]>
  remove(found: BindingObject, made: Note): Promise<boolean>
  clock(): number
  /** Where requests are kept that it made by itself. */
  readonly kept: MadeRequest[]
  /** Milliseconds between two looks at least; 0: it looks only when asked. */
  readonly every?: number
}

/** The newest are kept. */
export function keep(kept: MadeRequest[], request: MadeRequest): void {
  kept.push(request)
  if (kept.length > MOST_KEPT) kept.shift()
}

/**
 * Deletes bindings of sessions that are past their end, with nobody's help: also when the gateway is gone, and what
 * another agent or an earlier life of this one has left.
 */
export function createSweeper(parts: SweeperParts): Sweeper {
  const { list, remove, clock, kept, every = EVERY } = parts
  let timer: NodeJS.Timeout | undefined
  /** When the timer runs out, and the earliest end that is known. */
  let timerAt = Number.POSITIVE_INFINITY
  let dueAt = Number.POSITIVE_INFINITY
  let running = false
  let stopped = every === 0

  const note = (request: MadeRequest): void => keep(kept, request)

  async function sweep(made: Note): Promise<number> {
    const now = clock()
    let swept = 0
    let next = Number.POSITIVE_INFINITY
    dueAt = Number.POSITIVE_INFINITY
    for (const found of await list(made)) {
      if (sessionOf(found) === undefined) continue
      const end = endOf(found)
      if (end > now) next = Math.min(next, end)
      else if (await remove(found, made)) swept++
    }
    due(next)
    return swept
  }

  function due(at: number): void {
    dueAt = Math.min(dueAt, at)
    arm()
  }

  function arm(): void {
    if (stopped || running) return
    const now = clock()
    const at = now + Math.min(Math.max(dueAt - now, every), IDLE)
    // Never later than it stands: who makes bindings all the time must not put it off.
    if (at >= timerAt) return
    clearTimeout(timer)
    timerAt = at
    timer = setTimeout(() => void run(), at - now).unref()
  }

  /** A failure waits for the next look. */
  async function run(): Promise<void> {
    timerAt = Number.POSITIVE_INFINITY
    running = true
    try {
      await sweep(note)
    } catch {
      dueAt = 0
    } finally {
      running = false
      arm()
    }
  }

  // What an earlier life left is looked for at once.
  if (!stopped) timer = setTimeout(() => void run(), Math.min(every, 1_000)).unref()

  return {
    sweep,
    due,
    note,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
