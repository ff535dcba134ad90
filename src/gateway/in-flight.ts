import { atMost } from '../at-most.ts'
import type { Arrival } from './listener.ts'

/** What is under way, and the end of it when this process shuts down. */
export interface InFlight {
  readonly draining: boolean
  add(exchange: Promise<void>, caller: Arrival['caller']): void
  /** Called once, as soon as the process shuts down. @returns No longer. */
  onDrain(listener: () => void): () => void
  /** From now on nothing may last; what waits is told, connections are given up after their answer. */
  drain(): void
  /** Until nothing is under way any more, and no longer than `grace` ms. */
  end(grace: number, andThen: () => void): Promise<void>
}

export function createInFlight(): InFlight {
  const exchanges = new Map<Promise<void>, Arrival['caller']>()
  const waiting = new Set<() => void>()
  let draining = false
  return {
    get draining() {
      return draining
    },
    add(exchange, caller) {
      const done = exchange.finally(() => exchanges.delete(done))
      exchanges.set(done, caller)
      if (draining) caller.lastOnConnection()
    },
    onDrain(listener) {
      if (draining) listener()
      else waiting.add(listener)
      return () => void waiting.delete(listener)
    },
    drain() {
      draining = true
      for (const caller of exchanges.values()) caller.lastOnConnection()
      for (const listener of waiting) listener()
    },
    end(grace, andThen) {
      const idle = (async () => {
        while (exchanges.size > 0) await Promise.allSettled(exchanges.keys())
        andThen()
      })()
      return atMost(idle, grace)
    },
  }
}
