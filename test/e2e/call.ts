import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { UpFacts } from './rig.ts'

/** Where a gateway is and which authority its certificate is of. */
export type Gateway = Pick<UpFacts, 'url' | 'caFile'>

export interface CallOptions {
  readonly method?: string
  readonly token?: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds for the whole call; then it rejects. */
  readonly timeout?: number
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every kind
  readonly json: any
}

/** One request on a connection of its own, to its complete end. Rejects when the answer is cut off. */
export async function call(gateway: Gateway, path: string, options: CallOptions = {}): Promise<Answered> {
  const sent = send(gateway, path, options)
  const timer = setTimeout(
    () => sent.destroy(new Error(`${options.method ?? 'GET'} ${path} did not end in time`)),
    options.timeout ?? 20_000,
  )
  try {
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const body = await text(response)
    return {
      status: response.statusCode!,
      headers: response.headers,
      body,
      // When asked for: a watch is JSON by its type, and many values.
      get json() {
        return response.headers['content-type']?.includes('json') ? JSON.parse(body) : undefined
      },
    }
  } finally {
    clearTimeout(timer)
  }
}

/** As `call`, and fails the test when the status is another one. */
export async function expectStatus(
  status: number,
  gateway: Gateway,
  path: string,
  options: CallOptions = {},
): Promise<Answered> {
  const answered = await call(gateway, path, options)
  if (answered.status !== status) {
    throw new Error(`${options.method ?? 'GET'} ${path}: ${answered.status}, not ${status}\n${answered.body}`)
  }
  return answered
}

export interface Stream {
  readonly status: number
  /** Complete lines so far. */
  readonly lines: readonly string[]
  /** Resolves at the end: `clean` says whether it was the proper end of the body, `at` when (Date.now()). */
  readonly ended: Promise<{ readonly clean: boolean; readonly at: number }>
  /** Resolves with the first line that matches, past or future; rejects when the stream ends before. */
  line(matching: RegExp): Promise<string>
  close(): void
}

/** A long answer, read line by line as it comes. Resolves when its head is there. */
export async function openStream(gateway: Gateway, path: string, options: CallOptions = {}): Promise<Stream> {
  const sent = send(gateway, path, options)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  let over = false
  const ended = new Promise<{ clean: boolean; at: number }>(resolve => {
    response.on('data', (chunk: Buffer) => {
      rest += chunk.toString()
      const parts = rest.split('\n')
      rest = parts.pop()!
      lines.push(...parts)
      for (const wake of waiting) wake()
    })
    response.once('error', () => {})
    response.once('close', () => {
      over = true
      resolve({ clean: response.complete, at: Date.now() })
      for (const wake of waiting) wake()
    })
  })
  sent.on('error', () => {})
  return {
    status: response.statusCode!,
    lines,
    ended,
    line: matching =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(line => matching.test(line))
          if (found === undefined && !over) return
          waiting.delete(look)
          if (found === undefined) reject(new Error(`the stream ended without ${matching}`))
          else resolve(found)
        }
        waiting.add(look)
        look()
      }),
    close: () => void sent.destroy(),
  }
}

/** Trades the one-time code of `up` for the local administrator's sign-in token. Works once. */
export async function signInAsAdmin(up: Gateway & { readonly codeFile: string }): Promise<string> {
  const body = { code: readFileSync(up.codeFile, 'utf8').trim() }
  return (await expectStatus(200, up, '/v1/signin/code', { method: 'POST', body })).json.token
}

/** A session on a connection: its id and its bearer token. */
export async function openSession(
  gateway: Gateway,
  token: string,
  connection: string,
): Promise<{ readonly id: string; readonly token: string }> {
  const opened = await expectStatus(201, gateway, '/v1/sessions', {
    method: 'POST',
    token,
    body: { connection },
  })
  return { id: opened.json.session.id, token: opened.json.token }
}

function send(gateway: Gateway, path: string, options: CallOptions): ClientRequest {
  const headers: Record<string, string> = { ...options.headers }
  if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`
  const bytes = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body))
  if (bytes !== undefined) {
    headers['content-type'] ??= 'application/json'
    headers['content-length'] = String(bytes.length)
  }
  const { hostname, port } = new URL(gateway.url)
  const sent = request({
    hostname,
    port,
    path,
    method: options.method ?? 'GET',
    headers,
    ca: readFileSync(gateway.caFile),
    agent: false,
  })
  sent.end(bytes)
  return sent
}
