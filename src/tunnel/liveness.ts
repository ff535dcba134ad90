import type { Http2Session } from 'node:http2'
import type { Liveness } from './protocol.ts'

/**
 * Pings `session` until it closes; destroys it when an answer is overdue. Returns how to stop. One that the other side has
 * told to end (GOAWAY, which neither side of ours sends) makes no pings any more, and may not even notice that its socket
 * is gone: it gets the same time, answered or not.
 */
export function watchLiveness(session: Http2Session, { interval, deadline }: Liveness): () => void {
  let overdue: NodeJS.Timeout | undefined
  const timer = setInterval(() => {
    if (overdue !== undefined || session.destroyed) return
    const pinged =
      session.closed ||
      session.ping(error => {
        if (error !== null) return
        clearTimeout(overdue)
        overdue = undefined
      })
    if (!pinged) return
    overdue = setTimeout(() => session.destroy(), deadline)
    overdue.unref()
  }, interval)
  timer.unref()
  const stop = (): void => {
    clearInterval(timer)
    clearTimeout(overdue)
  }
  session.once('close', stop)
  return stop
}
