import { catalogue } from '../errors/catalogue.ts'
import type { Refusal } from '../errors/refusal.ts'

/** kubectl prints the message after its own prefix on one line: keep it short enough to be read there. */
const MESSAGE_LIMIT = 399
const CHECK_LIMIT = 80

/**
 * A refusal as `metav1.Status` (k8s.io/apimachinery pkg/apis/meta/v1/types.go), JSON. The message has four parts in
 * a fixed order: what was refused, by which rule or check, what to do next, the request id with the command that
 * explains the code. The second cause is the same explanation on the gateway's own error page.
 */
export function statusOf(refusal: Refusal, callId: string): Buffer {
  const entry = catalogue[refusal.code]
  const by = refusal.check === undefined ? refusal.code : refusal.check
  const what = refusal.detail === undefined ? entry.summary : `${entry.summary}: ${refusal.detail}`
  const next = entry.next.replace('<request id>', callId)
  const head = 'sallyport: '
  const tail = ` [${cut(by, CHECK_LIMIT)}]; ${next} (request ${callId}; see: sallyport errors ${refusal.code})`
  const message = `${cut(what, MESSAGE_LIMIT - head.length - tail.length)}${tail}`
  const see = `/errors#${refusal.code}`
  return Buffer.from(
    JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `${head}${message}`,
      reason: entry.reason,
      details: {
        ...(refusal.retryAfter === undefined ? {} : { retryAfterSeconds: refusal.retryAfter }),
        // Of what is invalid kubectl prints the causes, as `* field: message`, and not the message.
        causes:
          entry.reason === 'Invalid'
            ? [
                { reason: refusal.code, message, field: 'sallyport' },
                { reason: 'see', message: see, field: 'see' },
              ]
            : [
                { reason: refusal.code, message: by },
                { reason: 'see', message: see },
              ],
        uid: callId,
      },
      code: entry.status,
    }),
  )
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}
