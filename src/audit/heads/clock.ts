/** Times of entries: the wall clock, but strictly growing, with nanoseconds as the tie break. */
export interface EntryClock {
  /** Advances; the two properties below then hold the new time. */
  next(): void
  /** Milliseconds since the epoch. */
  readonly milliseconds: number
  /** RFC 3339, UTC, nine decimals. */
  readonly text: string
}

/** @param last Time of the last entry of the log, or null. A wall clock behind it does not turn time back. */
export function entryClock(wall: () => number, last: string | null): EntryClock {
  let milliseconds = 0
  let nanoseconds = 0
  if (last !== null) {
    milliseconds = Date.parse(`${last.slice(0, 23)}Z`)
    nanoseconds = Number(last.slice(23, 29))
  }
  let second = -1
  let prefix = ''
  let text = ''
  return {
    get milliseconds() {
      return milliseconds
    },
    get text() {
      return text
    },
    next() {
      const now = Math.floor(wall())
      if (now > milliseconds) {
        milliseconds = now
        nanoseconds = 0
      } else {
        nanoseconds += 1
        if (nanoseconds === 1_000_000) {
          milliseconds += 1
          nanoseconds = 0
        }
      }
      const current = Math.floor(milliseconds / 1000)
      if (current !== second) {
        second = current
        prefix = new Date(current * 1000).toISOString().slice(0, 20)
      }
      const fraction = String(1_000_000_000 + (milliseconds - current * 1000) * 1_000_000 + nanoseconds)
      text = `${prefix}${fraction.slice(1)}Z`
    },
  }
}
