import { openClient, type PostgresLimits, type pg } from '../../postgres/connect.ts'
import { plainError } from '../../postgres/failure.ts'
import type { PostgresSettings } from '../../postgres/settings.ts'

export interface Listener {
  onChange(listener: () => void): () => void
  close(): Promise<void>
}

const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000
const PROBE_EVERY = 10_000

/** Hears of commits on a connection of its own, and comes back by itself when that ends. */
export function openListener(
  settings: PostgresSettings,
  limits: PostgresLimits | undefined,
  channel: string,
  onState: (problem: string | null) => void,
): Listener {
  const listeners = new Set<() => void>()
  let client: pg.Client | undefined
  let pause = FIRST_PAUSE
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let connecting: Promise<void> = Promise.resolve()

  function tell(): void {
    for (const listener of listeners) listener()
  }

  async function connect(): Promise<void> {
    try {
      const opened = await openClient(settings, 'listen', limits)
      opened.on('notification', tell)
      opened.once('end', () => lost(opened, 'the connection ended'))
      opened.once('error', error => lost(opened, plainError(error).message))
      client = opened
      // Of `pg` 8, though not in its types: an idle store must not keep a process alive.
      ;(opened as unknown as { unref(): void }).unref()
      await opened.query(`LISTEN "${channel}"`)
      if (closed) return
      if (pause !== FIRST_PAUSE) onState(null)
      pause = FIRST_PAUSE
      // What was committed while nobody listened.
      tell()
    } catch (error) {
      lost(client, plainError(error).message)
    }
  }

  function lost(which: pg.Client | undefined, why: string): void {
    if (which !== client || closed) return
    client = undefined
    which?.end().catch(() => {})
    onState(why)
    clearTimeout(timer)
    timer = setTimeout(() => {
      connecting = connect()
    }, pause).unref()
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }

  // A server that went without a word leaves a connection that looks alive.
  const probe = setInterval(() => {
    const asked = client
    asked?.query('SELECT 1').catch(error => lost(asked, plainError(error).message))
  }, PROBE_EVERY)
  probe.unref()
  connecting = connect()

  return {
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      closed = true
      clearInterval(probe)
      clearTimeout(timer)
      listeners.clear()
      await connecting.catch(() => {})
      await client?.end().catch(() => {})
    },
  }
}
