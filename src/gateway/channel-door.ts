import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { problemOf } from '../api/problem.ts'
import { authFailureOf, type Recorded } from '../api/record.ts'
import type { ApiServices } from '../api/services.ts'
import { Refusal } from '../errors/refusal.ts'
import { createAttemptLimit } from '../identity/attempt-limit.ts'
import type { Ack } from '../notify/contract.ts'
import type { Heard } from '../notify/hear.ts'
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

  async function take(request: IncomingMessage | Http2ServerRequest, recorded: Recorded): Promise<Ack> {
    const { call, client } = recorded
    const name = PATH.exec(request.url ?? '')?.[1]
    if (name === undefined) {
      throw new Refusal('resource-unknown', { check: 'route', detail: 'there is no such channel' })
    }
    if (request.method !== 'POST') throw new Refusal('method-not-allowed', { check: 'method' })
    attempts.check(client.address)
    const body = await readBody(request)
    try {
      const heard = await notify.receive(name, { headers: request.headers, body }, { call, client })
      await api.record(heardOf(recorded, name, heard))
      const { ack, approval, repeated } = heard
      if (ack !== undefined) return ack
      const told = { ...(approval === undefined ? {} : { approval }), repeated }
      return { status: 202, type: 'application/json', body: JSON.stringify(told) }
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) attempts.failed(client.address)
      throw error
    }
  }

  async function run(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): Promise<void> {
    const recorded = recordedOf({ api, shown }, request)
    try {
      answer(response, await take(request, recorded), recorded.call)
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('internal', { cause: error })
      if (refusal.code === 'internal') api.broke(error, recorded.call)
      const failed = refusal.status === 401 ? api.record(authFailureOf(recorded, refusal)) : undefined
      await failed?.catch(broken => api.broke(broken, recorded.call))
      const body = JSON.stringify(problemOf(refusal, recorded.call))
      const ack = { status: refusal.status, type: 'application/problem+json', body }
      answer(response, ack, recorded.call, refusal.retryAfter)
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

/** That something came. What a person said in it has entries of its own, with who it was. */
function heardOf(x: Recorded, channel: string, { approval, repeated }: Heard) {
  const facts = { channel, ...(approval === undefined ? {} : { approval }), repeated }
  return {
    // The request's own id belongs to what was decided by it.
    call: x.call,
    kind: 'admin.request',
    phase: 'state',
    session: null,
    effect: null,
    policyDigest: null,
    head: { client: x.client, request: { method: x.method, uri: x.uri }, facts },
  } as const
}

function answer(
  response: ServerResponse | Http2ServerResponse,
  { status, type, body }: Ack,
  call: string,
  retryAfter?: number,
): void {
  const bytes = Buffer.from(body)
  ;(response as ServerResponse).writeHead(status, {
    'x-request-id': call,
    ...(bytes.length === 0 ? {} : { 'content-type': type }),
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  })
  response.end(bytes)
}
