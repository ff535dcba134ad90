import { Refusal } from '../errors/refusal.ts'

/** Failures of one address within a minute before it has to wait. */
const ALLOWED = 10
const WINDOW = 60_000
const MOST_ADDRESSES = 10_000

/**
 * Slows down whoever guesses one-time codes and enrolment tokens, by address. Successes are not counted. Bounded:
 * under a flood of addresses the oldest are forgotten.
 */
export interface AttemptLimit {
  /** Throws `too-many-requests` while this address must wait. */
  check(address: string): void
  failed(address: string): void
}

export function createAttemptLimit(now: () => number): AttemptLimit {
  const failures = new Map<string, number[]>()
  return {
    check(address) {
      const recent = (failures.get(address) ?? []).filter(at => now() - at < WINDOW)
      if (recent.length < ALLOWED) return
      throw new Refusal('too-many-requests', {
        check: 'failed-sign-ins',
        detail: 'too many failed sign-ins from this address',
        retryAfter: Math.max(1, Math.ceil(((recent[0] ?? 0) + WINDOW - now()) / 1000)),
      })
    },
    failed(address) {
      const recent = (failures.get(address) ?? []).filter(at => now() - at < WINDOW)
      recent.push(now())
      failures.delete(address)
      if (failures.size >= MOST_ADDRESSES)
        for (const oldest of failures.keys()) if (failures.delete(oldest)) break
      failures.set(address, recent.slice(-ALLOWED))
    },
  }
}
