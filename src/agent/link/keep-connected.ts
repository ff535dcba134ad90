import type { ServedSession } from './serve-session.ts'

export interface Backoff {
  /** Milliseconds: the first wait, and the longest. */
  readonly first: number
  readonly longest: number
}

export const defaultBackoff: Backoff = { first: 250, longest: 30_000 }

/** A session that lasted this long was a good one: the next wait is short again. */
const GOOD = 10_000

export interface KeepConnectedOptions {
  /** Dials and serves; the session it resolves with must be ready. */
  open(): Promise<ServedSession>
  onEvent(event: { readonly type: 'connected' | 'disconnected' | 'waiting'; readonly detail: string }): void
  readonly backoff?: Backoff
}

export interface KeptConnection {
  readonly connected: boolean
  /** Opens a new session first, then drains the old one: for a new certificate. */
  replace(drainLimit: number): void
  /** Stops reconnecting, lets calls in flight end for at most `drainLimit` milliseconds. */
  stop(drainLimit: number): Promise<void>
}

/** Keeps one tunnel connection up: reconnects after a random wait that doubles up to a limit. */
export function keepConnected(options: KeepConnectedOptions): KeptConnection {
  const backoff = options.backoff ?? defaultBackoff
  let current: ServedSession | undefined
  let stopped = false
  let failures = 0
  let wait: { timer: NodeJS.Timeout; resolve(): void } | undefined
  const draining = new Set<Promise<void>>()

  async function openOnce(): Promise<ServedSession | undefined> {
    try {
      const session = await options.open()
      if (stopped) {
        session.destroy()
        return undefined
      }
      options.onEvent({ type: 'connected', detail: '' })
      return session
    } catch (error) {
      options.onEvent({ type: 'waiting', detail: (error as Error).message })
      return undefined
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      const session = await openOnce()
      if (session === undefined) {
        await pause()
        continue
      }
      const since = Date.now()
      current = session
      let last = session
      // A replaced session ends by itself; this loop goes on with the one that took its place.
      do {
        last = current
        const why = await last.closed
        if (current === last) {
          current = undefined
          if (!stopped) options.onEvent({ type: 'disconnected', detail: why })
        }
      } while (current !== undefined)
      if (Date.now() - since >= GOOD) failures = 0
      await pause()
    }
  }

  function pause(): Promise<void> {
    if (stopped) return Promise.resolve()
    const most = Math.min(backoff.longest, backoff.first * 2 ** Math.min(failures, 20))
    failures++
    // Half fixed, half random: many agents of one gateway must not come back in one instant.
    const milliseconds = most / 2 + (Math.random() * most) / 2
    return new Promise(resolve => {
      wait = { resolve, timer: setTimeout(resolve, milliseconds) }
    })
  }

  const running = run()

  return {
    get connected() {
      return current !== undefined
    },
    replace(drainLimit) {
      const old = current
      if (old === undefined || stopped) return
      void openOnce().then(session => {
        if (session === undefined) return
        if (current !== old) {
          session.destroy()
          return
        }
        current = session
        const drained = old.drain(drainLimit).finally(() => draining.delete(drained))
        draining.add(drained)
      })
    },
    async stop(drainLimit) {
      stopped = true
      clearTimeout(wait?.timer)
      wait?.resolve()
      await Promise.all([current?.drain(drainLimit), ...draining])
      await running
    },
  }
}
