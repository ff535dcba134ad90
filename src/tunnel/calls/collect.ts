import { Refusal } from '../../errors/refusal.ts'
import type { RecordedLink, UpstreamCall } from '../contract.ts'

export interface CollectedAnswer {
  readonly status: number
  /** Flat, lower-case names. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** Sends a call of the gateway itself and resolves with the whole answer. Rejects with a Refusal; stops at `limit` bytes. */
export function collect(link: RecordedLink, call: UpstreamCall, limit: number): Promise<CollectedAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let status = 0
    let headers: readonly string[] = []
    const abort = link.dispatch(call, {
      onHead(answerStatus, answerHeaders) {
        status = answerStatus
        headers = answerHeaders
      },
      onData(chunk) {
        bytes += chunk.length
        if (bytes <= limit) {
          chunks.push(chunk)
          return
        }
        reject(new Refusal('upstream-answer-refused', { check: 'answer-too-large' }))
        abort()
      },
      onEnd: () => resolve({ status, headers, body: Buffer.concat(chunks) }),
      onError: reject,
    })
  })
}

/** First value of a field in a flat list of lower-case names. */
export function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]
  return undefined
}
