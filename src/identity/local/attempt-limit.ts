import { Refusal } from '../../errors/refusal.ts'

/** Failures of one address within a minute before it has to wait. */
const ALLOWED = 10
const WINDOW = 60_000
const MOST_ADDRESSES = 10_000

/** Slows down whoever guesses. Bounded: under a flood of addresses the oldest are forgotten. */
export interface AttemptLimit {
  /** Throws `too-many-requests`. */
  check(address: string): void
  failed(address: string): void
}

export function createAttemptLimit(now: () => number): AttemptLimit {
  const failures = new Map<string, number[]>()
  return {
    check(address) {
      const recent = (failures.get(address) ?? []).filter(at => now() - at < WINDOW)
      if (recent.length < ALLOWED) return
      const retryAfter = Math.max(1, Math.ceil(((recent[0] ?? 0) + WINDOW - now()) / 1000))
      throw new Refusal('too-many-requests', {
        check: 'sign-in-attempts',
        detail: 'too many wrong codes',
        retryAfter,
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
