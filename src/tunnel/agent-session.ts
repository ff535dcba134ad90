import type { OutgoingHttpHeaders } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { Refusal } from '../errors/refusal.ts'
import { askAgentWitness } from './calls/ask-witness.ts'
import type { AgentWitness, AnswerHandler, UpstreamCall } from './contract.ts'
import { encodeCall } from './descriptor.ts'
import { readJsonLines } from './lines.ts'
import { watchLiveness } from './liveness.ts'
import {
  CALL_PATH,
  CONNECTION_WINDOW,
  CONTROL_PATH,
  type GatewayMessage,
  type Liveness,
  MOST_STREAMS,
  PROTOCOL_VERSIONS,
  REFUSED_HEADER,
  STREAM_WINDOW,
  type TurnedAway,
  VERSION_HEADER,
  VERSIONS_HEADER,
  WITNESS_VERSION,
} from './protocol.ts'
import { streamOpener } from './stream-opener.ts'
import { TunnelCall } from './tunnel-call.ts'

/** Milliseconds for an agent to say hello. */
const HELLO_TIME = 10_000
const CALL_HEADERS = { ':method': 'POST', ':path': CALL_PATH, ':scheme': 'https', ':authority': 'agent' }

export interface SessionFacts {
  readonly software: string
  readonly connections: readonly string[]
  readonly address: string
  /** Verifier key of its cosignatures. */
  readonly witness?: string
}

export interface AgentSessionEvents {
  /** The agent has said hello: calls may go. */
  ready(facts: SessionFacts): void
  /** Once, whatever the reason. `why` is for the operator. */
  closed(why: string): void
}

/** One tunnel connection, as the gateway holds it. */
export interface AgentSession {
  readonly ready: boolean
  readonly inFlight: number
  readonly facts: SessionFacts | undefined
  /** Undefined when this session takes no calls: then another one may. Otherwise the call is on its way. */
  dispatch(call: UpstreamCall, handler: AnswerHandler): (() => void) | undefined
  /** Shows it a checkpoint; only when its facts name a witness. */
  readonly askWitness: AgentWitness['addCheckpoint']
  /** Tells the agent why, then hangs up. */
  turnAway(reason: TurnedAway, detail: string): void
  destroy(why: string): void
}

/** Takes over a TLS connection that an agent has dialled, in the role of the HTTP/2 client. */
export function openAgentSession(
  socket: TLSSocket,
  liveness: Liveness,
  events: AgentSessionEvents,
): AgentSession {
  const address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
  let state: 'opening' | 'ready' | 'draining' | 'closed' = 'opening'
  let why = 'the connection was lost'
  let facts: SessionFacts | undefined
  let inFlight = 0
  let version = 0

  socket.setNoDelay(true)
  const session: ClientHttp2Session = connect('https://agent', {
    createConnection: () => socket,
    settings: { initialWindowSize: STREAM_WINDOW, enablePush: false, maxHeaderListSize: 16_384 },
    peerMaxConcurrentStreams: MOST_STREAMS,
    // Megabytes. The default of 10 is less than a few hundred streams with full windows need.
    maxSessionMemory: 512,
  })
  session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW))
  session.on('error', () => {})
  session.on('stream', stream => stream.destroy())
  session.on('goaway', () => {
    if (state === 'ready') state = 'draining'
  })
  session.once('close', () => {
    state = 'closed'
    clearTimeout(helloTimer)
    events.closed(why)
  })
  watchLiveness(session, liveness)
  const helloTimer = setTimeout(() => destroy('it did not say hello in time'), HELLO_TIME)
  helloTimer.unref()

  function destroy(reason: string): void {
    if (state === 'closed' || session.destroyed) return
    why = reason
    session.destroy()
  }

  const opener = streamOpener()

  /** Undefined when the session is at its end. */
  function request(headers: OutgoingHttpHeaders): ClientHttp2Stream | undefined {
    if (session.destroyed || session.closed) return undefined
    try {
      return session.request(headers)
    } catch {
      return undefined
    }
  }

  const control = session.request({
    ':method': 'POST',
    ':path': CONTROL_PATH,
    [VERSIONS_HEADER]: PROTOCOL_VERSIONS.join(','),
  })
  control.on('error', () => {})
  control.once('close', () => destroy(why))
  control.once('response', headers => {
    version = Number(headers[VERSION_HEADER])
    if (headers[':status'] !== 200 || !PROTOCOL_VERSIONS.includes(Number(headers[VERSION_HEADER]))) {
      destroy(
        `it speaks another version of the agent protocol (${String(headers[VERSIONS_HEADER]).slice(0, 40)})`,
      )
    }
  })
  readJsonLines(
    control,
    message => {
      if (message.type === 'hello' && state === 'opening') {
        facts = {
          software: text(message.software),
          connections: Array.isArray(message.connections) ? message.connections.map(text) : [],
          address,
          ...(version >= WITNESS_VERSION && isKey(message.witness) ? { witness: message.witness } : {}),
        }
        state = 'ready'
        clearTimeout(helloTimer)
        events.ready(facts)
      } else if (message.type === 'draining') {
        if (state === 'ready') state = 'draining'
        control.write(`${JSON.stringify({ type: 'drained' } satisfies GatewayMessage)}\n`)
      }
    },
    () => destroy('it broke the agent protocol'),
  )

  return {
    get ready() {
      return state === 'ready' && !session.destroyed
    },
    get inFlight() {
      return inFlight
    },
    get facts() {
      return facts
    },
    dispatch(call, handler) {
      if (state !== 'ready' || session.destroyed || session.closed || inFlight >= MOST_STREAMS)
        return undefined
      // Encoded first: a call that cannot be encoded opens no stream.
      const descriptor = encodeCall(call)
      const tunnelled = new TunnelCall(call, handler)
      inFlight++
      opener.add(() => {
        const stream = tunnelled.over ? undefined : request(CALL_HEADERS)
        if (stream === undefined) {
          inFlight--
          tunnelled.refuse(noAgent())
          return
        }
        stream.once('close', () => {
          inFlight--
        })
        tunnelled.open(stream)
        if (call.body === null || call.body.length === 0) stream.end(descriptor)
        else {
          stream.write(descriptor)
          stream.end(call.body)
        }
      })
      return () => tunnelled.abort()
    },
    async askWitness(body, logKey, signal) {
      await new Promise<void>(resolve => opener.add(resolve))
      if (state !== 'ready' || session.destroyed || session.closed)
        throw new Error('the agent is not connected')
      return askAgentWitness(session, logKey, body, signal)
    },
    turnAway(reason, detail) {
      state = 'draining'
      why = detail
      opener.add(() => {
        const last = request({ ':method': 'POST', ':path': CONTROL_PATH, [REFUSED_HEADER]: reason })
        last?.on('error', () => {})
        last?.resume()
        last?.once('close', () => destroy(detail))
        last?.end()
      })
      setTimeout(() => destroy(detail), 500).unref()
    },
    destroy,
  }
}

function isKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,400}$/.test(value)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 253).replace(/[^\x20-\x7e]/g, '?') : ''
}

/** The call was not sent anywhere: a client may well repeat it. */
export function noAgent(): Refusal {
  return new Refusal('agent-unavailable', { check: 'not-connected', retryAfter: 2 })
}
