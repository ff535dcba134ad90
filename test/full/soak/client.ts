import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { Agent, type RequestOptions, request } from 'node:https'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** A way to the API server: through one connection of the gateway, or direct. */
export interface Way {
  readonly name: 'direct' | 'embedded' | 'remote'
  /** `https://host:port` */
  readonly url: string
  /** What stands before the path of the API server; empty when direct. */
  readonly prefix: string
  readonly tls: { readonly ca: string; readonly cert?: string; readonly key?: string }
}

/** Who asks. The token is another one after each renewal; direct callers have a client certificate and none. */
export interface Identity {
  readonly name: string
  bearer(): string | undefined
}

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly body?: unknown
  readonly type?: string
}

export interface Reply {
  readonly status: number
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly body: Readable
  /** Ends request and answer at once, as a process that is killed. */
  vanish(): void
}

export interface Client {
  /** Resolves when the head of the answer is there. */
  open(ask: Ask): Promise<Answer>
  close(): void
}

/** What a client sees when an answer ends before its end, or does not come. */
export class Cut extends Error {}

const DEADLINE = 30_000

/** Sends and takes the whole answer. Throws `Cut` after 30 s, and when the answer is cut off. */
export async function whole(client: Client, ask: Ask): Promise<Reply> {
  let answer: Answer | undefined
  let late = false
  const timer = setTimeout(() => {
    late = true
    answer?.vanish()
  }, DEADLINE)
  try {
    answer = await client.open(ask)
    if (late) throw new Cut('no head within 30 s')
    return { status: answer.status, body: await text(answer.body) }
  } catch (error) {
    throw late ? new Cut('no end within 30 s') : error
  } finally {
    clearTimeout(timer)
    if (late) answer?.vanish()
  }
}

function headersOf(ask: Ask, identity: Identity): Record<string, string> {
  const token = identity.bearer()
  return {
    accept: 'application/json',
    'user-agent': 'soak',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(ask.body === undefined ? {} : { 'content-type': ask.type ?? 'application/json' }),
  }
}

const bytesOf = (ask: Ask): Buffer | undefined =>
  ask.body === undefined ? undefined : Buffer.from(JSON.stringify(ask.body))

/** HTTP/1.1 as most clients do; `reuse: false` makes a new TLS connection for each request. */
export function http1Client(way: Way, identity: Identity, reuse = true): Client {
  const agent = new Agent({ keepAlive: reuse, maxSockets: 8, timeout: DEADLINE * 3 })
  const { hostname, port } = new URL(way.url)
  return {
    async open(ask) {
      const bytes = bytesOf(ask)
      const options: RequestOptions = {
        ...way.tls,
        agent,
        hostname,
        port,
        path: way.prefix + ask.path,
        method: ask.method ?? 'GET',
        headers: {
          ...headersOf(ask, identity),
          ...(bytes === undefined ? {} : { 'content-length': String(bytes.length) }),
        },
        timeout: DEADLINE * 3,
      }
      const sent = request(options)
      sent.on('timeout', () => sent.destroy(new Cut('silent for 90 s')))
      const headed = once(sent, 'response')
      sent.end(bytes)
      const [response] = await headed
      sent.on('error', () => {})
      return { status: response.statusCode, body: response, vanish: () => void sent.destroy() }
    },
    close: () => agent.destroy(),
  }
}

/** HTTP/2 as client-go does: one connection for all. */
export function http2Client(way: Way, identity: Identity): Client {
  let session: ClientHttp2Session | undefined
  const current = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session
    session = connectHttp2(way.url, way.tls)
    session.on('error', () => {})
    session.on('goaway', () => session?.close())
    return session
  }
  return {
    async open(ask) {
      const bytes = bytesOf(ask)
      const stream = current().request(
        { ':method': ask.method ?? 'GET', ':path': way.prefix + ask.path, ...headersOf(ask, identity) },
        { endStream: bytes === undefined },
      )
      stream.setTimeout(DEADLINE * 3, () => stream.destroy(new Cut('silent for 90 s')))
      const headed = once(stream, 'response')
      if (bytes !== undefined) stream.end(bytes)
      const [headers] = await headed
      stream.on('error', () => {})
      return { status: Number(headers[':status']), body: stream, vanish: () => void stream.destroy() }
    },
    close: () => session?.destroy(),
  }
}
