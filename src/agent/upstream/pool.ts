import { buildConnector, Client, type Dispatcher } from 'undici'
import { Refusal } from '../../errors/refusal.ts'
import type { AnswerHandler } from '../../tunnel/contract.ts'
import { type ExchangeFacts, outsideParser, type Slot, type SlotOwner, UpstreamExchange } from './exchange.ts'
import { upstreamRefusal } from './failures.ts'
import type { ClientCertificate, UpstreamTarget } from './target.ts'

export interface PoolLimits {
  /** Calls in flight, and so connections, at most. */
  readonly connections: number
  /** Milliseconds, TCP and TLS handshakes together. */
  readonly connectTimeout: number
  /** Milliseconds without a byte after which the answer to a short request is given up. */
  readonly bodyTimeout: number
  /** Milliseconds that an unused connection is kept; must be shorter than the upstream's own (Go: 90 s and more). */
  readonly keepAlive: number
  /** Bytes of all header fields of an answer. */
  readonly headerBytes: number
}

export const defaultPoolLimits: PoolLimits = {
  connections: 2_000,
  connectTimeout: 10_000,
  bodyTimeout: 60_000,
  keepAlive: 30_000,
  headerBytes: 64 * 1024,
}

export interface PoolRequest {
  readonly method: string
  readonly path: string
  /** Flat, checked; nothing is added but Host, Connection and Content-Length. */
  readonly headers: string[]
  readonly body: Uint8Array | null
  /** Milliseconds; 0 for a long-running call, which then has no body time-out either. */
  readonly headTimeout: number
}

export interface UpstreamPool {
  readonly inFlight: number
  /** Open connections, in use or kept. */
  readonly connections: number
  dispatch(request: PoolRequest, facts: ExchangeFacts, handler: AnswerHandler): () => void
  /** Takes no new calls, lets those in flight end, then closes every connection. */
  close(): Promise<void>
  /** Ends calls in flight as well. */
  destroy(): void
}

/**
 * HTTP/1.1 connections to one upstream under one TLS credential. One call at a time on each connection, and the one
 * used last is used next: so there are never more connections than calls were in flight at once. (undici's own Pool
 * opens a second connection when a call follows another on its heels.)
 */
export function createUpstreamPool(
  target: UpstreamTarget,
  certificate: ClientCertificate | undefined,
  limits: PoolLimits = defaultPoolLimits,
): UpstreamPool {
  const connect = connectorTo(target, certificate, limits)
  const idle: Slot[] = []
  const busy = new Map<Slot, UpstreamExchange>()
  let connections = 0
  let onDrained: (() => void) | undefined
  let drained: Promise<void> | undefined
  let closed = false

  function newSlot(): Slot {
    const client = new Client(target.origin, {
      connect,
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: limits.keepAlive,
      keepAliveMaxTimeout: limits.keepAlive,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    const slot: Slot = { client, connected: false }
    client.on('connect', () => {
      slot.connected = true
      connections++
    })
    client.on('disconnect', () => {
      if (slot.connected) connections--
      slot.connected = false
      const at = idle.indexOf(slot)
      if (at >= 0) {
        idle.splice(at, 1)
        client.destroy(null, nothing)
      }
    })
    return slot
  }

  const owner: SlotOwner = {
    free(slot) {
      busy.delete(slot)
      if (closed || !slot.connected) slot.client.destroy(null, nothing)
      else idle.push(slot)
      if (busy.size === 0) onDrained?.()
    },
    discard(slot) {
      busy.delete(slot)
      slot.client.destroy(null, nothing)
      if (busy.size === 0) onDrained?.()
    },
  }

  function start(request: PoolRequest, facts: ExchangeFacts, handler: AnswerHandler): UpstreamExchange {
    if (closed || busy.size >= limits.connections) {
      throw closed
        ? new Refusal('agent-unavailable', { check: 'closing', retryAfter: 1 })
        : new Refusal('too-many-requests', { check: 'agent-connections', retryAfter: 1 })
    }
    const slot = idle.pop() ?? newSlot()
    const exchange = new UpstreamExchange(slot, owner, facts, handler)
    busy.set(slot, exchange)
    try {
      slot.client.dispatch(
        {
          path: request.path,
          method: request.method as Dispatcher.HttpMethod,
          headers: request.headers,
          body: request.body,
          headersTimeout: request.headTimeout,
          bodyTimeout: request.headTimeout === 0 ? 0 : limits.bodyTimeout,
        },
        exchange,
      )
    } catch (error) {
      exchange.abort()
      throw error
    }
    return exchange
  }

  return {
    get inFlight() {
      return busy.size
    },
    get connections() {
      return connections
    },
    dispatch(request, facts, handler) {
      let exchange: UpstreamExchange | undefined
      let aborted = false
      outsideParser(() => {
        if (aborted) return
        try {
          exchange = start(request, facts, handler)
        } catch (error) {
          // Before dispatch() returns the caller cannot know how to abort, so it is told a moment later.
          queueMicrotask(() => {
            if (!aborted) handler.onError(upstreamRefusal(error))
          })
        }
      })
      return () => {
        aborted = true
        exchange?.abort()
      }
    },
    close() {
      closed = true
      for (const slot of idle.splice(0)) slot.client.destroy(null, nothing)
      if (busy.size === 0) return Promise.resolve()
      drained ??= new Promise<void>(resolve => {
        onDrained = resolve
      })
      return drained
    },
    destroy() {
      closed = true
      for (const slot of idle.splice(0)) slot.client.destroy(null, nothing)
      for (const exchange of [...busy.values()]) exchange.cut()
    },
  }
}

function connectorTo(
  target: UpstreamTarget,
  certificate: ClientCertificate | undefined,
  limits: PoolLimits,
): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    timeout: limits.connectTimeout,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: target.insecure !== true,
    ...(target.certificateAuthority === undefined ? {} : { ca: target.certificateAuthority }),
    ...(target.serverName === undefined ? {} : { servername: target.serverName }),
    ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key }),
  })
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        callback(error, null)
        return
      }
      // A watch has no time-out of its own: probes find an upstream that vanished, within half a minute.
      socket.setNoDelay(true)
      socket.setKeepAlive(true, 15_000, 5_000, 3)
      callback(null, socket)
    })
}

function nothing(): void {}
