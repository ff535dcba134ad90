import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { createServer as createHttpsServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { newCallId } from './call-id.ts'
import { HttpCaller } from './caller.ts'
import { refuseWithoutHost, writeSyntaxRefusal } from './syntax-refusal.ts'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly tls: SecureContextOptions
  /** ALPN protocol of agents, and who takes their sockets. */
  readonly agents?: { readonly protocol: string; accept(socket: TLSSocket): void }
  /** Name of the connection that a Host header stands for. */
  connectionOfHost(host: string): string | undefined
  /** A Kubernetes (later: MCP) request. Must not reject. */
  onExchange(exchange: Arrival): void
  /** Anything else: our own API, health, metrics. */
  onOwnRequest(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void
  now(): number
  /** Milliseconds, for tests: until the header fields of a request are there, and that a connection may idle. */
  readonly times?: { readonly headers?: number; readonly idle?: number }
}

export interface Arrival {
  readonly callId: string
  readonly receivedAt: number
  readonly caller: HttpCaller
  readonly connectionName: string
  readonly target: string
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Takes new certificates without dropping a connection. */
  renew(tls: SecureContextOptions): void
  /** Stops accepting; sockets without a request in flight are closed. Resolves when none is left. */
  drain(): Promise<void>
  /** Closes sockets without a request in flight. */
  closeIdle(): void
  /** Ends what is left at once. */
  destroy(): void
}

/** Bytes of all header fields of one request. */
const HEADER_BYTES = 64 * 1024
const HEADERS_TIME = 15_000
const REQUEST_TIME = 90_000
const IDLE_TIME = 75_000
const SOCKETS = 10_000

/**
 * One TLS port for HTTP/1.1, HTTP/2 and agents, told apart by ALPN. HTTP/1.1 goes to Node's HTTP/1 server itself,
 * not through the compatibility mode of its HTTP/2 server, which costs a fifth more CPU on bodies and forgets
 * TCP_NODELAY.
 */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const times = { headers: HEADERS_TIME, idle: IDLE_TIME, ...options.times }
  const server: Server = createHttpsServer({
    ...options.tls,
    ALPNProtocols: [...(options.agents ? [options.agents.protocol] : []), 'h2', 'http/1.1'],
    minVersion: 'TLSv1.2',
    noDelay: true,
    keepAlive: true,
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: times.headers,
    requestTimeout: REQUEST_TIME,
    keepAliveTimeout: times.idle,
    connectionsCheckingInterval: Math.min(5_000, times.headers),
    // From the first byte of TLS on: a handshake that never ends holds a socket too.
    handshakeTimeout: times.headers,
    // Node would answer without a body; see `take`.
    requireHostHeader: false,
    // An upgrade is a request like any other until a stage decides otherwise; nothing may slip past the pipeline.
    shouldUpgradeCallback: () => false,
    // Agents present a certificate; who verifies it is the agent gate, so a caller without one is not turned away.
    ...(options.agents ? { requestCert: true, rejectUnauthorized: false } : {}),
  } as Parameters<typeof createHttpsServer>[0])
  server.maxConnections = SOCKETS
  // Every header must be seen: a field cut off by a count is a field that nobody judged.
  server.maxHeadersCount = 0

  const http2 = createHttp2Server({
    maxHeaderListPairs: 1000,
    maxSessionMemory: 20,
    settings: { maxConcurrentStreams: 250, maxHeaderListSize: HEADER_BYTES, enableConnectProtocol: false },
  })
  /** HTTP/2 sessions that have had a request. */
  const spoke = new WeakSet<object>()
  const sessions = new Set<{ close(): void; destroy(): void }>()
  http2.on('session', session => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => {})
    // Node's HTTP/2 has no time limits of its own. One that is silent (never spoke, stopped amid its headers, has
    // nothing to ask) gets GOAWAY; streams in flight end first, and clients then open another connection.
    session.setTimeout(times.idle, () => {
      session.close()
      if (!spoke.has(session)) session.destroy()
    })
    session.on('stream', () => spoke.add(session))
  })
  http2.on('sessionError', () => {})

  const [speakHttp1] = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]
  server.removeAllListeners('secureConnection')
  const sockets = new Set<TLSSocket>()
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    if (socket.alpnProtocol === 'h2') http2.emit('connection', socket)
    else if (options.agents && socket.alpnProtocol === options.agents.protocol) options.agents.accept(socket)
    else speakHttp1!.call(server, socket)
  })
  server.on('tlsClientError', () => {})

  /** Connections whose last answer is given. */
  const ended = new WeakSet<object>()
  const take = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    expectsContinue: boolean,
  ): void => {
    // Requests that came together with a refused one: nobody would get their answers.
    if (ended.has(request.socket)) return
    // RFC 9112, 3.2.
    if (request.httpVersion === '1.1' && request.headers.host === undefined) {
      ended.add(request.socket)
      refuseWithoutHost(response as ServerResponse, newCallId(options.now()))
      return
    }
    const target = request.url ?? ''
    const route = routeOf(target, hostOf(request), options)
    if (route === undefined) {
      options.onOwnRequest(request, response)
      return
    }
    const receivedAt = options.now()
    options.onExchange({
      callId: newCallId(receivedAt),
      receivedAt,
      caller: new HttpCaller(request, response, expectsContinue),
      connectionName: route.connection,
      target: route.target,
    })
  }
  server.on('request', (request, response) => take(request, response, false))
  server.on('checkContinue', (request, response) => take(request, response, true))
  // Any other expectation: the parser refuses it by name, with a Status.
  server.on('checkExpectation', (request, response) => take(request, response, false))
  http2.on('request', (request, response) => take(request, response, false))
  http2.on('checkContinue', (request, response) => take(request, response, true))
  server.on('clientError', (error, socket) => writeSyntaxRefusal(error, socket, newCallId(options.now())))

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address() as AddressInfo

  return {
    host: address.address,
    port: address.port,
    renew: tls => server.setSecureContext(tls),
    drain() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeIdleConnections()
      for (const session of sessions) session.close()
      return closed
    },
    closeIdle() {
      // An answer that has ended may still be on its way out.
      if ([...sockets].every(socket => socket.writableLength === 0)) server.closeIdleConnections()
    },
    destroy() {
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
    },
  }
}

/** `/k/<connection>/…`, or any path on a connection's own host name. */
function routeOf(
  target: string,
  host: string,
  options: ListenerOptions,
): { connection: string; target: string } | undefined {
  const byHost = host === '' ? undefined : options.connectionOfHost(host)
  if (byHost !== undefined) return { connection: byHost, target }
  if (!target.startsWith('/k/')) return undefined
  const slash = target.indexOf('/', 3)
  if (slash < 0) return { connection: target.slice(3), target: '/' }
  return { connection: target.slice(3, slash), target: target.slice(slash) }
}

function hostOf(request: IncomingMessage | Http2ServerRequest): string {
  const value = 'authority' in request ? request.authority : request.headers.host
  if (value === undefined) return ''
  const colon = value.lastIndexOf(':')
  const name = colon > value.lastIndexOf(']') ? value.slice(0, colon) : value
  return name.toLowerCase()
}
