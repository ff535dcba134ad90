import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { Refusal } from '../errors/refusal.ts'

/**
 * The caller's side of an exchange, HTTP/1.1 and HTTP/2 alike. It hides the two response APIs and answers the one
 * question everything else depends on: is the caller still there.
 */
export interface Caller {
  readonly method: string
  /** Raw request-target or `:path`. */
  readonly target: string
  /** Flat, as received; pseudo-headers left out, `:authority` given as Host. */
  readonly rawHeaders: readonly string[]
  /** What the request line of HTTP/1 claims after `HTTP/`; undefined for HTTP/2, which has none. */
  readonly httpVersion: string | undefined
  /** Value of the only Host header or of `:authority`; empty when there is none or more than one. */
  readonly host: string
  readonly address: string
  readonly port: number
  readonly userAgent: string
  readonly gone: boolean
  readonly headSent: boolean
  /** Called at most once, when the caller leaves before the answer is complete. */
  onGone(listener: () => void): void
  /** The whole body, or null when the request announces none. Rejects with request-too-large, request-timeout. */
  readBody(limit: number, timeout: number): Promise<Buffer | null>
  /** A complete answer. */
  answer(status: number, headers: readonly string[], body: readonly Uint8Array[]): void
  begin(status: number, headers: readonly string[]): void
  /**
   * Resolves when more may be written. Rejects when the caller has left, and with request-timeout when it has made no
   * room for `patience` milliseconds; without it there is no limit.
   */
  write(chunks: readonly Uint8Array[], patience?: number): Promise<void>
  end(): void
  /** Ends the answer in a way that no client takes for complete. */
  cut(): void
}

type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

export class CallerLeft extends Error {
  constructor() {
    super('the caller left')
    this.name = 'CallerLeft'
  }
}

export class HttpCaller implements Caller {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly httpVersion: string | undefined
  readonly host: string
  readonly address: string
  readonly port: number
  readonly userAgent: string
  gone = false
  /** The request announced a body that has not been read whole. */
  #unread: boolean
  #upgrade: boolean
  #last = false
  #http2: boolean
  #request: Request
  #response: Response
  #listener: (() => void) | undefined
  #drained: (() => void) | undefined
  #expectsContinue: boolean

  constructor(request: Request, response: Response, expectsContinue = false) {
    this.#request = request
    this.#response = response
    this.#expectsContinue = expectsContinue
    this.method = request.method ?? ''
    this.target = request.url ?? ''
    // By type, not by version: a request line of HTTP/1 may claim to be `HTTP/2.0`.
    this.#http2 = request instanceof Http2ServerRequest
    this.httpVersion = this.#http2 ? undefined : request.httpVersion
    this.rawHeaders = this.#http2 ? withoutPseudoHeaders(request.rawHeaders) : request.rawHeaders
    this.host = onlyHeader(this.rawHeaders, 'host')
    this.userAgent = onlyHeader(this.rawHeaders, 'user-agent').slice(0, 256)
    this.#upgrade = !this.#http2 && request.headers.upgrade !== undefined
    this.#unread =
      request instanceof Http2ServerRequest ? !request.stream.endAfterHeaders : announcesBody(this.rawHeaders)
    const socket = request.socket
    this.address = socket.remoteAddress ?? ''
    this.port = socket.remotePort ?? 0
    // A missing error listener on either side would end the process when a client resets the stream.
    request.on('error', ignore)
    response.on('error', ignore)
    response.on('drain', () => this.#release())
    response.on('close', () => {
      // HTTP/2 responses say `writableFinished` also when the client has reset the stream.
      const complete = this.#http2 ? response.writableEnded : response.writableFinished
      if (complete || this.gone) return
      this.gone = true
      this.#release()
      this.#listener?.()
    })
  }

  get headSent(): boolean {
    return this.#response.headersSent
  }

  onGone(listener: () => void): void {
    if (this.gone) listener()
    else this.#listener = listener
  }

  /** No request shall follow on this connection. HTTP/2 says so for the whole connection. */
  lastOnConnection(): void {
    this.#last = true
  }

  readBody(limit: number, timeout: number): Promise<Buffer | null> {
    const request = this.#request
    if (!this.#unread) return Promise.resolve(null)
    const announced = Number(onlyHeader(this.rawHeaders, 'content-length') || 0)
    if (announced > limit) return Promise.reject(new Refusal('request-too-large', { check: 'body-size' }))
    if (this.#expectsContinue) this.#response.writeContinue()
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let bytes = 0
      const timer = setTimeout(() => settle(new Refusal('request-timeout', { check: 'slow-body' })), timeout)
      const settle = (error: Error | null): void => {
        clearTimeout(timer)
        request.off('data', onData)
        request.off('end', onEnd)
        request.off('close', onClose)
        if (error === null)
          resolve(bytes === 0 ? null : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
        else reject(error)
      }
      const onData = (chunk: Buffer): void => {
        bytes += chunk.length
        if (bytes > limit) {
          request.pause()
          settle(new Refusal('request-too-large', { check: 'body-size' }))
        } else chunks.push(chunk)
      }
      const onEnd = (): void => {
        this.#unread = false
        settle(null)
      }
      const onClose = (): void => settle(new CallerLeft())
      request.on('data', onData)
      request.on('end', onEnd)
      request.on('close', onClose)
    })
  }

  answer(status: number, headers: readonly string[], body: readonly Uint8Array[]): void {
    if (this.gone) return
    this.#head(status, headers)
    const last = body.length - 1
    for (let i = 0; i < last; i++) this.#send(body[i]!)
    if (last >= 0) this.#finish(body[last]!)
    else this.#finish()
  }

  begin(status: number, headers: readonly string[]): void {
    if (this.gone) return
    this.#head(status, headers)
    // The first event of a watch may be hours away, and its caller waits for the head.
    if (!this.#http2) (this.#response as ServerResponse).flushHeaders()
  }

  #head(status: number, headers: readonly string[]): void {
    if (!this.#http2) {
      // What follows an unread body or a declined upgrade on this connection cannot be told from it.
      const last = this.#unread || this.#upgrade || this.#last
      const fields = last ? [...headers, 'connection', 'close'] : (headers as string[])
      ;(this.#response as ServerResponse).writeHead(status, fields)
    } else (this.#response as Http2ServerResponse).writeHead(status, asHttp2Headers(headers))
  }

  write(chunks: readonly Uint8Array[], patience = 0): Promise<void> {
    if (this.gone) return Promise.reject(new CallerLeft())
    let room = true
    for (const chunk of chunks) room = this.#send(chunk)
    if (room) return settled
    return new Promise((resolve, reject) => {
      const timer =
        patience === 0
          ? undefined
          : setTimeout(() => {
              this.#drained = undefined
              reject(new Refusal('request-timeout', { check: 'slow-reader' }))
            }, patience)
      this.#drained = () => {
        clearTimeout(timer)
        if (this.gone) reject(new CallerLeft())
        else resolve()
      }
    })
  }

  end(): void {
    if (!this.gone) this.#finish()
  }

  cut(): void {
    this.gone = true
    this.#release()
    if (this.#http2) (this.#response as Http2ServerResponse).stream.close(0x2 /* INTERNAL_ERROR */)
    else this.#request.socket.destroy()
  }

  #send(chunk: Uint8Array): boolean {
    return (this.#response as ServerResponse).write(chunk)
  }

  #finish(chunk?: Uint8Array): void {
    if (chunk === undefined) (this.#response as ServerResponse).end()
    else (this.#response as ServerResponse).end(chunk)
  }

  #release(): void {
    const drained = this.#drained
    this.#drained = undefined
    drained?.()
  }
}

const settled = Promise.resolve()
const ignore = (): void => {}

/** Value of a header that occurs exactly once (any case), else the empty string. */
export function onlyHeader(rawHeaders: readonly string[], name: string): string {
  let found = ''
  let seen = 0
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i]!
    if (candidate.length === name.length && candidate.toLowerCase() === name) {
      found = rawHeaders[i + 1]!
      seen++
    }
  }
  return seen === 1 ? found : ''
}

function announcesBody(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (name === 'transfer-encoding' || (name === 'content-length' && rawHeaders[i + 1] !== '0')) return true
  }
  return false
}

/**
 * `:authority` is the Host of HTTP/2. A Host beside it is dropped when it says the same (RFC 9113 section 8.3.1) and
 * kept when it does not, so that the parser sees two and refuses.
 */
function withoutPseudoHeaders(rawHeaders: readonly string[]): string[] {
  const kept: string[] = []
  const at = rawHeaders.indexOf(':authority')
  const authority = at >= 0 && at % 2 === 0 ? rawHeaders[at + 1]! : undefined
  if (authority !== undefined) kept.push('host', authority)
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name === 'host' && rawHeaders[i + 1] === authority) continue
    if (name.charCodeAt(0) !== 58) kept.push(name, rawHeaders[i + 1]!)
  }
  return kept
}

/** Header names that HTTP/2 forbids (RFC 9113 section 8.2.2). */
const connectionSpecific = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
])

function asHttp2Headers(headers: readonly string[]): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    const value = headers[i + 1]!
    if (connectionSpecific.has(name)) continue
    const present = out[name]
    if (present === undefined) out[name] = value
    else if (Array.isArray(present)) present.push(value)
    else out[name] = [present, value]
  }
  return out
}
