import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { problemOf } from '../api/problem.ts'
import { authFailureOf, type Recorded } from '../api/record.ts'
import type { ApiServices } from '../api/services.ts'
import { Refusal } from '../errors/refusal.ts'
import { createAttemptLimit } from '../identity/attempt-limit.ts'
import type { Notify } from '../notify/open-notify.ts'
import { readBody } from '../page/form.ts'
import { recordedOf } from '../page/visit.ts'

const PATH = /^\/channels\/([a-z0-9-]{1,63})$/

export function isChannelPath(target: string): boolean {
  return target.startsWith('/channels/')
}

/**
 * Where channels send what they have to say: `POST /channels/NAME`, signed over its bytes. It is none of the API's routes
 * because these read JSON first, and have callers with rights; a channel has none.
 */
export function createChannelDoor(
  api: ApiServices,
  notify: Pick<Notify, 'receive'>,
  shown: (text: string) => string,
) {
  const attempts = createAttemptLimit(api.now)

  async function take(request: IncomingMessage | Http2ServerRequest, recorded: Recorded): Promise<object> {
    const { address } = recorded.client
    const name = PATH.exec(request.url ?? '')?.[1]
    if (name === undefined) {
      throw new Refusal('resource-unknown', { check: 'route', detail: 'there is no such channel' })
    }
    if (request.method !== 'POST') throw new Refusal('method-not-allowed', { check: 'method' })
    attempts.check(address)
    const body = await readBody(request)
    try {
      const { approval, woke } = await notify.receive(name, { headers: request.headers, body })
      await api.record(wokenOf(recorded, name, approval, woke))
      return { approval, repeated: !woke }
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) attempts.failed(address)
      throw error
    }
  }

  async function run(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): Promise<void> {
    const recorded = recordedOf({ api, shown }, request)
    try {
      answer(response, 202, await take(request, recorded), recorded.call)
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('internal', { cause: error })
      if (refusal.code === 'internal') api.broke(error, recorded.call)
      const failed = refusal.status === 401 ? api.record(authFailureOf(recorded, refusal)) : undefined
      await failed?.catch(broken => api.broke(broken, recorded.call))
      answer(response, refusal.status, problemOf(refusal, recorded.call), recorded.call, refusal.retryAfter)
      request.resume()
    }
  }

  return {
    handle(
      request: IncomingMessage | Http2ServerRequest,
      response: ServerResponse | Http2ServerResponse,
    ): void {
      run(request, response).catch(error => {
        api.broke(error, 'channel')
        response.destroy()
      })
    },
  }
}

function wokenOf(x: Recorded, channel: string, approval: string, woke: boolean) {
  return {
    call: x.call,
    kind: 'admin.request',
    phase: 'state',
    session: null,
    effect: null,
    policyDigest: null,
    head: { client: x.client, request: { method: x.method, uri: x.uri }, facts: { channel, approval, woke } },
  } as const
}

function answer(
  response: ServerResponse | Http2ServerResponse,
  status: number,
  value: object,
  call: string,
  retryAfter?: number,
): void {
  const body = Buffer.from(JSON.stringify(value))
  ;(response as ServerResponse).writeHead(status, {
    'x-request-id': call,
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  })
  response.end(body)
}
