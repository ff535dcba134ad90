import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { Readable } from 'node:stream'
import type { ChosenGateway } from '../config/gateway.ts'
import { exitCodes, Failure } from '../frame/failure.ts'
import { failureOfAnswer } from './answer-failure.ts'
import { failureOfTransport } from './transport-failure.ts'

export interface Ask {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** Instead of the sign-in's token; null for none. */
  readonly token?: string | null
  readonly signal?: AbortSignal
}

/**
 * A client of the management API. Node's own https and not a library, because it is loaded by every command and the
 * credential plugin runs at each kubectl. Redirects are not followed: a token goes to the chosen origin only.
 */
export interface ApiClient {
  readonly server: string
  readonly token: string | undefined
  get<T>(path: string, ask?: Ask): Promise<T>
  post<T>(path: string, ask?: Ask): Promise<T>
  put<T>(path: string, ask?: Ask): Promise<T>
  delete<T>(path: string, ask?: Ask): Promise<T>
  /** Bytes of an answer as they come. */
  stream(path: string, ask?: Ask): Promise<Readable>
  /** Lines of an NDJSON answer as they come. */
  lines<T>(path: string, ask?: Ask): AsyncGenerator<T>
}

const TIMEOUT = 30_000
const LARGEST_ANSWER = 64 * 1024 * 1024
/** Heartbeats come every 15 s. */
const SILENCE = 45_000

export function createClient(gateway: ChosenGateway, token: string | undefined, version: string): ApiClient {
  const agent = new Agent({
    keepAlive: true,
    ...(gateway.ca === undefined ? {} : { ca: gateway.ca }),
    // HTTPS_PROXY and NO_PROXY, as the platform's other tools honour them.
    proxyEnv: process.env,
  } as ConstructorParameters<typeof Agent>[0])

  async function open(method: string, path: string, ask: Ask, timeout: number): Promise<IncomingMessage> {
    const text = ask.body === undefined ? undefined : JSON.stringify(ask.body)
    const bearer = ask.token === undefined ? token : (ask.token ?? undefined)
    const url = new URL(path, gateway.server)
    for (const [name, value] of Object.entries(ask.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    let sent = false
    return new Promise((resolve, reject) => {
      const req = request(url, {
        method,
        agent,
        ...(ask.signal === undefined ? {} : { signal: ask.signal }),
        headers: {
          accept: 'application/json',
          'user-agent': `sallyport/${version}`,
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      })
      req.setTimeout(timeout, () => req.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })))
      req.on('finish', () => {
        sent = true
      })
      req.on('response', resolve)
      req.on('error', error => reject(failureOfTransport(error, gateway, sent && method !== 'GET')))
      req.end(text)
    })
  }

  async function call<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
    const res = await open(method, path, ask, TIMEOUT)
    const text = await read(res, gateway, method)
    if (res.statusCode! >= 200 && res.statusCode! < 300) return parse(text, gateway) as T
    throw failureOfAnswer(res.statusCode!, text, gateway.server)
  }

  return {
    server: gateway.server,
    token,
    get: (path, ask) => call('GET', path, ask),
    post: (path, ask) => call('POST', path, ask),
    put: (path, ask) => call('PUT', path, ask),
    delete: (path, ask) => call('DELETE', path, ask),
    async stream(path, ask = {}) {
      const res = await open('GET', path, ask, SILENCE)
      if (res.statusCode === 200) return res
      throw failureOfAnswer(res.statusCode!, await read(res, gateway, 'GET'), gateway.server)
    },
    async *lines<T>(path: string, ask: Ask = {}): AsyncGenerator<T> {
      const res = await open('GET', path, ask, SILENCE)
      if (res.statusCode !== 200) {
        throw failureOfAnswer(res.statusCode!, await read(res, gateway, 'GET'), gateway.server)
      }
      res.setEncoding('utf8')
      let rest = ''
      try {
        for await (const chunk of res as AsyncIterable<string>) {
          const parts = (rest + chunk).split('\n')
          rest = parts.pop()!
          for (const line of parts) if (line !== '') yield parse(line, gateway) as T
        }
      } catch (error) {
        if (ask.signal?.aborted === true) return
        throw error instanceof Failure ? error : failureOfTransport(error as Error, gateway, false)
      }
    },
  }
}

async function read(res: IncomingMessage, gateway: ChosenGateway, method: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of res as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > LARGEST_ANSWER) throw new Error('the answer is too large')
      chunks.push(chunk)
    }
  } catch (error) {
    throw failureOfTransport(error as Error, gateway, method !== 'GET')
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string, gateway: ChosenGateway): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Failure({
      exitCode: exitCodes.failed,
      what: `${gateway.server} did not answer in JSON: it may not be a Sallyport gateway`,
    })
  }
}
