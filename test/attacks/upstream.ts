import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import type { UpstreamTarget } from '../../src/agent/upstream/target.ts'
import { openAuthority } from '../../src/pki/authority.ts'
import { ensureServerCertificate } from '../../src/pki/server-certificate.ts'
import { discoveryOf } from './cluster.ts'

/** A request as its bytes say, read by the plainest parser there is: one that repairs nothing. */
export interface UpstreamRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  /** As received, names in their own case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  readonly raw: Buffer
  readonly socket: TLSSocket
}

export interface Upstream {
  readonly target: UpstreamTarget
  /** Every request that came, discovery by the gateway itself left out. */
  readonly requests: UpstreamRequest[]
  /** Bytes that could not be read as a request. Must stay empty. */
  readonly unreadable: string[]
  readonly sockets: ReadonlySet<TLSSocket>
  /** What a request is answered with; by default an object, or the stream of a watch that stays open. */
  answer: (request: UpstreamRequest) => void
  /** Discovery by the gateway itself waits for this. */
  discoveryHeld: Promise<void>
  stop(): Promise<void>
}

export function headersOf(request: UpstreamRequest, name: string): string[] {
  return request.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
}

/** A loopback TLS server that keeps every byte it gets. */
export async function startUpstream(): Promise<Upstream> {
  const directory = mkdtempSync(join(tmpdir(), 'attacks-upstream-'))
  const authority = openAuthority(directory)
  const { key, chain } = ensureServerCertificate(authority, directory, ['127.0.0.1'])
  const sockets = new Set<TLSSocket>()
  const server = createServer({ key, cert: chain, noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const taken = takeRequest(rest, socket)
        if (taken === 'more') return
        if (taken === 'unreadable') {
          upstream.unreadable.push(rest.toString('latin1').slice(0, 2000))
          socket.destroy()
          return
        }
        rest = rest.subarray(taken.raw.length)
        receive(taken)
      }
    })
  })

  function receive(request: UpstreamRequest): void {
    const own = headersOf(request, 'impersonate-user').length === 0
    const document = discoveryOf(request.target)
    if (own && document !== undefined) {
      void upstream.discoveryHeld.then(() => answerWith(request, 200, document))
    } else {
      upstream.requests.push(request)
      if (document !== undefined) answerWith(request, 200, document)
      else upstream.answer(request)
    }
  }

  const upstream: Upstream = {
    target: { origin: '', basePath: '', certificateAuthority: authority.pem },
    requests: [],
    unreadable: [],
    sockets,
    answer: answerAsCluster,
    discoveryHeld: Promise.resolve(),
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  Object.assign(upstream.target, { origin })
  return upstream
}

/** The first request in `bytes`, if it is there as a whole. */
function takeRequest(bytes: Buffer, socket: TLSSocket): UpstreamRequest | 'more' | 'unreadable' {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return bytes.length > 256 * 1024 ? 'unreadable' : 'more'
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const match = /^([A-Z]+) (\/[\x21-\x7e]*) (HTTP\/1\.1)$/.exec(first)
  if (match === null) return 'unreadable'
  const headers: (readonly [string, string])[] = []
  for (const line of lines) {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([^\r\n]*)$/.exec(line)
    if (field === null) return 'unreadable'
    headers.push([field[1]!, field[2]!])
  }
  const lengths = headers.filter(([name]) => name.toLowerCase() === 'content-length')
  if (lengths.length > 1 || headers.some(([name]) => name.toLowerCase() === 'transfer-encoding'))
    return 'unreadable'
  const length = lengths[0]?.[1] ?? '0'
  if (!/^\d+$/.test(length)) return 'unreadable'
  const total = end + 4 + Number(length)
  if (bytes.length < total) return 'more'
  return {
    method: match[1]!,
    target: match[2]!,
    version: match[3]!,
    headers,
    body: Buffer.from(bytes.subarray(end + 4, total)),
    raw: Buffer.from(bytes.subarray(0, total)),
    socket,
  }
}

export function answerWith(
  request: UpstreamRequest,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  const fields = { 'content-type': 'application/json', 'content-length': String(body.length), ...headers }
  const lines = Object.entries(fields).map(([name, content]) => `${name}: ${content}\r\n`)
  request.socket.write(`HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n`)
  if (request.method !== 'HEAD') request.socket.write(body)
}

/** The head of an answer without an end, to be followed by `chunk`s. */
export function beginStream(request: UpstreamRequest, contentType = 'application/json'): void {
  request.socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ntransfer-encoding: chunked\r\n\r\n`,
  )
}

export function chunk(request: UpstreamRequest, bytes: string | Buffer): boolean {
  request.socket.write(`${Buffer.byteLength(bytes).toString(16)}\r\n`)
  request.socket.write(bytes)
  return request.socket.write('\r\n')
}

export function answerAsCluster(request: UpstreamRequest): void {
  if (/[?&]watch=(?!0|false)/.test(request.target)) {
    beginStream(request)
    chunk(request, '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{}}}\n')
    return
  }
  if (request.method === 'DELETE') answerWith(request, 200, { kind: 'Status', apiVersion: 'v1' })
  else if (request.target.includes('/log'))
    answerWith(request, 200, 'line\n', { 'content-type': 'text/plain' })
  else answerWith(request, request.method === 'POST' ? 201 : 200, { kind: 'Answer', apiVersion: 'v1' })
}
