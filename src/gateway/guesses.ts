import { Refusal } from '../errors/refusal.ts'
import type { Decided } from './exchange.ts'

/** Refused writes of one person to the masked values of one object, within so many milliseconds. */
const MOST = 10
const WINDOW = 600_000
/** Objects that are counted at once; the oldest is forgotten first. */
const COUNTED = 20_000

/**
 * Whoever may write a masked value can ask whether it is a certain one: an apply without force conflicts only when it is
 * another (409), and some values are refused for what is there (422). Such answers cannot be told from ordinary ones, so they are
 * counted, by person and object, and few are enough.
 */
export interface Guesses {
  /**
   * Throws a Refusal (429) when too many writes to this object's masked values were refused a short while ago. `places`:
   * how many masked places the write names; asked only when it matters.
   */
  check(x: Decided, places: () => number): void
  /** To be told how a write ended. */
  ended(x: Decided, status: number, places: () => number): void
}

export function createGuesses(now: () => number): Guesses {
  const counts = new Map<string, number[]>()
  function recent(key: string): number[] {
    const since = now() - WINDOW
    return (counts.get(key) ?? []).filter(at => at > since)
  }
  return {
    check(x, places) {
      if (counts.size === 0 || !isPatch(x)) return
      const times = recent(keyOf(x))
      if (times.length < MOST || !namesMasked(x, places)) return
      const retryAfter = Math.ceil((times[0]! + WINDOW - now()) / 1000)
      throw new Refusal('too-many-requests', {
        check: 'guesses',
        detail: 'too many writes to masked values of this object were refused',
        retryAfter,
      })
    },
    ended(x, status, places) {
      if ((status !== 409 && status !== 422) || !isPatch(x) || !namesMasked(x, places)) return
      const key = keyOf(x)
      const times = [...recent(key), now()]
      counts.delete(key)
      if (counts.size >= COUNTED) counts.delete(counts.keys().next().value!)
      counts.set(key, times)
    },
  }
}

/** An update that carries a stale version conflicts as well. */
function isPatch(x: Decided): boolean {
  return x.action.verb === 'patch' && x.action.name !== ''
}

/** Whether a write names values where values are masked, other than those that were read there. */
function namesMasked(x: Decided, places: () => number): boolean {
  return places() > (x.progress.restored?.places ?? 0)
}

function keyOf(x: Decided): string {
  const { principal, connection, action } = x
  return JSON.stringify([principal.issuer, principal.subject, connection.name, action.path])
}
