import type { Http2Session } from 'node:http2'
import type { Liveness } from './protocol.ts'

/** Pings `session` until it closes; destroys it when an answer is overdue. Returns how to stop. */
export function watchLiveness(session: Http2Session, { interval, deadline }: Liveness): () => void {
  let overdue: NodeJS.Timeout | undefined
  const timer = setInterval(() => {
    if (overdue !== undefined || session.destroyed) return
    const sent = session.ping(() => {
      clearTimeout(overdue)
      overdue = undefined
    })
    if (!sent) return
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
