import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { Refusal } from '../../errors/refusal.ts'
import type { AgentLink, AgentWitness } from '../../tunnel/contract.ts'
import { CallReader } from '../../tunnel/descriptor.ts'
import { readJsonLines } from '../../tunnel/lines.ts'
import { watchLiveness } from '../../tunnel/liveness.ts'
import {
  type AgentMessage,
  CALL_PATH,
  CONNECTION_WINDOW,
  CONTROL_PATH,
  commonVersion,
  type Liveness,
  MOST_STREAMS,
  PROTOCOL_VERSIONS,
  REFUSED_HEADER,
  STREAM_WINDOW,
  VERSION_HEADER,
  VERSIONS_HEADER,
  WITNESS_PATH,
  WITNESS_VERSION,
} from '../../tunnel/protocol.ts'
import { serveWitnessCall } from '../witness/serve-witness.ts'
import { TunnelAnswer } from './tunnel-answer.ts'

/** Milliseconds for the gateway to open the control stream, and to answer that it knows of the draining. */
const CONTROL_TIME = 10_000
const DRAINED_TIME = 2_000

export interface ServedSession {
  /** Resolves once the gateway has heard our hello; rejects when the connection ends before. */
  readonly ready: Promise<void>
  /** Resolves when the connection has ended, with the reason for the operator. */
  readonly closed: Promise<string>
  readonly inFlight: number
  /** Asks for no more calls, lets those in flight end for at most `limit` milliseconds, then hangs up. */
  drain(limit: number): Promise<void>
  destroy(): void
}

export interface ServeOptions {
  readonly software: string
  readonly connections: readonly string[]
  readonly liveness: Liveness
  readonly witness?: AgentWitness
}

const turnedAway: Readonly<Record<string, string>> = {
  certificate: 'the gateway does not accept our certificate: enrol this agent again',
  'not-enrolled': 'the gateway has removed this agent, or gave its name to another: enrol it again',
  closing: 'the gateway is shutting down',
}

/** Serves calls on a connection that this agent has dialled, in the role of the HTTP/2 server. */
export function serveSession(socket: TLSSocket, agent: AgentLink, options: ServeOptions): ServedSession {
  let why = 'the connection was lost'
  let control: ServerHttp2Stream | undefined
  let calls = 0
  let witness: AgentWitness | undefined
  let onIdle: (() => void) | undefined
  const ready = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<string>()
  const drained = Promise.withResolvers<void>()
  ready.promise.catch(() => {})

  socket.setNoDelay(true)
  const session: ServerHttp2Session = performServerHandshake(socket, {
    settings: { initialWindowSize: STREAM_WINDOW, maxConcurrentStreams: MOST_STREAMS + 8 },
    maxSessionMemory: 512,
  })
  session.setLocalWindowSize(CONNECTION_WINDOW)
  session.on('error', () => {})
  session.once('close', () => {
    clearTimeout(controlTimer)
    ready.reject(new Error(why))
    closed.resolve(why)
    drained.resolve()
    // The session does not always take the socket with it when the other side vanished.
    socket.destroy()
  })
  watchLiveness(session, options.liveness)
  const controlTimer = setTimeout(() => destroy('the gateway opened no control stream'), CONTROL_TIME)
  controlTimer.unref()

  function destroy(reason: string): void {
    if (session.destroyed) return
    why = reason
    session.destroy()
  }

  function send(message: AgentMessage): void {
    control?.write(`${JSON.stringify(message)}\n`)
  }

  session.on('stream', (stream, headers) => {
    // An abort without a listener would end this process.
    stream.on('error', () => {})
    if (headers[':path'] === CALL_PATH && control !== undefined) serveCall(stream)
    else if (headers[':path'] === WITNESS_PATH && witness !== undefined) serveWitnessCall(stream, witness)
    else if (headers[':path'] === CONTROL_PATH)
      openControl(stream, headers[REFUSED_HEADER], headers[VERSIONS_HEADER])
    else stream.close(constants.NGHTTP2_REFUSED_STREAM)
  })

  function openControl(stream: ServerHttp2Stream, refused: unknown, offered: unknown): void {
    stream.resume()
    if (typeof refused === 'string') {
      stream.respond({ ':status': 200 }, { endStream: true })
      why = Object.hasOwn(turnedAway, refused) ? turnedAway[refused]! : 'the gateway turned this agent away'
      return
    }
    const version = commonVersion(String(offered))
    if (version === undefined) {
      stream.respond({ ':status': 426, [VERSIONS_HEADER]: PROTOCOL_VERSIONS.join(',') }, { endStream: true })
      why = `the gateway speaks version ${String(offered).slice(0, 40)} of the agent protocol, this agent ${PROTOCOL_VERSIONS.join(',')}: bring both to the same release`
      return
    }
    clearTimeout(controlTimer)
    control = stream
    stream.respond({ ':status': 200, [VERSION_HEADER]: String(version) })
    readJsonLines(
      stream,
      message => {
        if (message.type === 'drained') drained.resolve()
      },
      () => destroy('the gateway broke the agent protocol'),
    )
    if (version >= WITNESS_VERSION) witness = options.witness
    send({
      type: 'hello',
      software: options.software,
      connections: options.connections,
      ...(witness === undefined ? {} : { witness: witness.vkey }),
    })
    ready.resolve()
  }

  function serveCall(stream: ServerHttp2Stream): void {
    const reader = new CallReader()
    const answer = new TunnelAnswer(stream)
    let abort: (() => void) | undefined
    calls++
    stream.on('data', (chunk: Buffer) => {
      if (answer.over || abort !== undefined) return
      try {
        const call = reader.push(chunk)
        if (call !== undefined) abort = agent.dispatch(call, answer)
      } catch (error) {
        answer.onError(error instanceof Refusal ? error : new Refusal('internal'))
      }
    })
    stream.once('close', () => {
      // Whatever ended the stream: an upstream call must not outlive its caller.
      if (!answer.over) abort?.()
      calls--
      if (calls === 0) onIdle?.()
    })
  }

  return {
    ready: ready.promise,
    closed: closed.promise,
    get inFlight() {
      return calls
    },
    async drain(limit) {
      if (session.destroyed) return
      send({ type: 'draining' })
      await Promise.race([drained.promise, delay(DRAINED_TIME)])
      if (calls > 0) {
        const idle = new Promise<void>(resolve => {
          onIdle = resolve
        })
        await Promise.race([idle, delay(limit), closed.promise])
      }
      destroy('this agent closed the connection')
    },
    destroy: () => destroy('this agent is shutting down'),
  }
}

function delay(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds).unref())
}
