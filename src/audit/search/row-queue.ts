import { Refusal } from '../../errors/refusal.ts'
import type { AuditRow } from './contract.ts'

/** Rows that a slow reader may leave unread before its tail ends. */
const UNREAD_LIMIT = 10_000

/** From pushes to an async iterator. `ended` runs once, however it ends. */
export function rowQueue(signal: AbortSignal, ended: () => void) {
  let unread: AuditRow[] = []
  let at = 0
  let done = false
  let error: Error | null = null
  let wake: (() => void) | null = null

  function end(why: Error | null): void {
    if (done) return
    done = true
    error = why
    signal.removeEventListener('abort', abort)
    ended()
    wake?.()
  }
  function abort(): void {
    end(null)
  }
  signal.addEventListener('abort', abort)
  if (signal.aborted) end(null)

  async function* read(): AsyncGenerator<AuditRow> {
    try {
      for (;;) {
        if (at < unread.length) {
          yield unread[at]!
          at += 1
          continue
        }
        unread = []
        at = 0
        if (error !== null) throw error
        if (done) return
        await new Promise<void>(resolve => {
          wake = resolve
        })
        wake = null
      }
    } finally {
      end(null)
    }
  }

  return {
    rows: read(),
    end,
    push(rows: readonly AuditRow[]): void {
      if (done) return
      unread.push(...rows)
      if (unread.length - at > UNREAD_LIMIT) {
        end(
          new Refusal('too-many-requests', {
            check: 'tail-behind',
            detail: 'the reader of the tail is too slow',
          }),
        )
      } else wake?.()
    },
  }
}
