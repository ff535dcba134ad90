import type { Pace } from '../policy/timed.ts'

const SECOND = 1_000
const MINUTE = 60_000

/** Calls that are to be judged again as time goes by: each second, or when a minute of the wall clock begins. */
export interface LiveClock<T> {
  /** Replaces what was said of the call before. */
  set(call: T, pace: Pace): void
  forget(call: T): void
}

/** Nothing runs while no call waits for a time. `now`: milliseconds since the epoch. */
export function createLiveClock<T>(now: () => number, judge: (calls: readonly T[]) => void): LiveClock<T> {
  const seconds = new Set<T>()
  const minutes = new Set<T>()
  let timer: NodeJS.Timeout | undefined
  let every = 0
  let due = 0
  let minute = 0

  function arm(): void {
    const wanted = seconds.size > 0 ? SECOND : minutes.size > 0 ? MINUTE : 0
    if (timer !== undefined && wanted === every) return
    clearTimeout(timer)
    timer = undefined
    if (every === 0) minute = Math.floor(now() / MINUTE)
    every = wanted
    if (every === 0) return
    const from = now()
    due = (Math.floor(from / every) + 1) * every
    timer = setTimeout(tick, due - from)
    timer.unref()
  }

  function tick(): void {
    timer = undefined
    const at = now()
    // A timer may be early by a part of a millisecond, and the clock may have been set back.
    if (at >= due) {
      const before = minute
      minute = Math.floor(at / MINUTE)
      judge(minute === before ? [...seconds] : [...seconds, ...minutes])
    }
    arm()
  }

  return {
    set(call, pace) {
      if (pace === 'second') seconds.add(call)
      else seconds.delete(call)
      if (pace === 'minute') minutes.add(call)
      else minutes.delete(call)
      arm()
    },
    forget(call) {
      if (seconds.delete(call) || minutes.delete(call)) arm()
    },
  }
}
