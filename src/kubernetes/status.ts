import { catalogue } from '../errors/catalogue.ts'
import type { Refusal } from '../errors/refusal.ts'

/** kubectl prints the message after its own prefix on one line: keep it short enough to be read there. */
const MESSAGE_LIMIT = 400

/**
 * A refusal as `metav1.Status` (k8s.io/apimachinery pkg/apis/meta/v1/types.go), JSON. The message has four parts in
 * a fixed order: what was refused, by which rule or check, what to do next, the request id.
 */
export function statusOf(refusal: Refusal, callId: string): Buffer {
  const entry = catalogue[refusal.code]
  const by = refusal.check === undefined ? refusal.code : refusal.check
  const what = refusal.detail === undefined ? entry.summary : `${entry.summary}: ${refusal.detail}`
  const next = entry.next.replace('<request id>', callId)
  const tail = ` [${by}]; ${next} (request ${callId})`
  const room = Math.max(40, MESSAGE_LIMIT - tail.length - 'sallyport: '.length)
  const message = `sallyport: ${what.length > room ? `${what.slice(0, room - 1)}…` : what}${tail}`
  return Buffer.from(
    JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: entry.reason,
      details: {
        ...(refusal.retryAfter === undefined ? {} : { retryAfterSeconds: refusal.retryAfter }),
        causes: [{ reason: refusal.code, message: by }],
        uid: callId,
      },
      code: entry.status,
    }),
  )
}
