import type { Received } from './exchange.ts'
import type { FinishedExchange, Gateway } from './gateway.ts'

/** Tells the observer, once, how an exchange ended. `status` 0: the caller got no complete answer. */
export function finish(gateway: Gateway, x: Received, status: number, error?: string): void {
  const finished: FinishedExchange = {
    callId: x.callId,
    connectionName: x.connectionName,
    progress: x.progress,
    status,
    milliseconds: gateway.now() - x.receivedAt,
    rawHeaders: x.caller.rawHeaders,
  }
  gateway.observe.finished(error === undefined ? finished : { ...finished, error })
}
