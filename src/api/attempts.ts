import { Refusal } from '../errors/refusal.ts'

/** Failures of one address before it has to wait, and for how long (milliseconds). */
const ALLOWED = 10
const WINDOW = 60_000
/** Addresses remembered at once; the oldest is forgotten first. */
const ADDRESSES = 10_000

export interface Attempts {
  /** Throws `too-many-requests` while this address must wait. */
  check(address: string): void
  failed(address: string): void
}

/** Slows down whoever guesses one-time codes and enrolment tokens. Successes are not counted. */
export function createAttempts(now: () => number): Attempts {
  const failures = new Map<string, { count: number; since: number }>()
  return {
    check(address) {
      const seen = failures.get(address)
      if (seen === undefined) return
      const left = seen.since + WINDOW - now()
      if (left <= 0) failures.delete(address)
      else if (seen.count >= ALLOWED) {
        throw new Refusal('too-many-requests', {
          check: 'failed-sign-ins',
          detail: 'too many failed sign-ins from this address',
          retryAfter: Math.ceil(left / 1000),
        })
      }
    },
    failed(address) {
      const seen = failures.get(address)
      if (seen !== undefined && seen.since + WINDOW > now()) {
        seen.count++
        return
      }
      failures.delete(address)
      if (failures.size >= ADDRESSES) failures.delete(failures.keys().next().value!)
      failures.set(address, { count: 1, since: now() })
    },
  }
}
