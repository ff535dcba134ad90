import { type ClientHttp2Stream, constants } from 'node:http2'
import { Refusal } from '../errors/refusal.ts'
import type { AnswerController, AnswerHandler, UpstreamCall } from './contract.ts'
import { RecordReader, type RecordSink } from './records.ts'
import { decodeRefusal } from './refusal-text.ts'

/** Safe to be sent again by a client that reads Retry-After. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** One call as the gateway sees it: an HTTP/2 stream to the agent on one side, the link's contract on the other. */
export class TunnelCall implements AnswerController, RecordSink {
  /** Undefined until the session takes the call. */
  #stream: ClientHttp2Stream | undefined
  readonly #handler: AnswerHandler
  readonly #method: string
  readonly #reader = new RecordReader(this)
  #rest: Buffer | undefined
  #over = false

  constructor(call: UpstreamCall, handler: AnswerHandler) {
    this.#handler = handler
    this.#method = call.method
  }

  /** Nobody waits for an answer any more. */
  get over(): boolean {
    return this.#over
  }

  /** Where its answer comes from. */
  open(stream: ClientHttp2Stream): void {
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    // Without a listener an aborted stream would end the process; what it means is told by `close`.
    stream.on('error', () => {})
    stream.on('close', () => this.#closed())
  }

  /** It could not be sent. */
  refuse(refusal: Refusal): void {
    this.#fail(refusal)
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#reset(constants.NGHTTP2_CANCEL)
  }

  pause(): void {
    if (this.#over) return
    this.#reader.stopped = true
    this.#stream?.pause()
  }

  resume(): void {
    if (this.#over || !this.#reader.stopped) return
    this.#reader.stopped = false
    // Not from within the caller's own callback: resuming delivers.
    queueMicrotask(() => this.#continue())
  }

  #continue(): void {
    if (this.#over || this.#reader.stopped) return
    const rest = this.#rest
    this.#rest = undefined
    if (rest !== undefined) this.#read(rest)
    if (!this.#over && !this.#reader.stopped) this.#stream?.resume()
  }

  #read(chunk: Buffer): void {
    if (this.#over) return
    const whole = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    try {
      this.#rest = this.#reader.push(whole)
    } catch (error) {
      this.#fail(error instanceof Refusal ? error : new Refusal('internal', { cause: error }))
    }
  }

  /** The stream is gone. A paused answer whose end has arrived waits for its reader; any other is lost, at once. */
  #closed(): void {
    if (this.#over || (this.#rest !== undefined && this.#reader.completes(this.#rest))) return
    this.#fail(this.#lost())
  }

  #lost(): Refusal {
    return new Refusal('agent-unavailable', {
      check: 'agent-lost',
      detail: 'the connection to the agent broke; the request may have reached the upstream',
      // A client repeats what comes with Retry-After, and a change must not be made twice.
      ...(SAFE.has(this.#method) ? { retryAfter: 1 } : {}),
    })
  }

  onHeadRecord(text: string): void {
    const head: unknown = JSON.parse(text)
    if (!Array.isArray(head) || !isStatus(head[0]) || !isFlatHeaders(head[1])) {
      throw new Refusal('upstream-answer-refused', {
        check: 'tunnel-protocol',
        detail: 'the agent sent a bad head',
      })
    }
    this.#handler.onHead(head[0], head[1], this)
  }

  onDataRecord(chunk: Buffer): void {
    if (!this.#over) this.#handler.onData(chunk)
  }

  onEndRecord(): void {
    if (this.#over) return
    this.#over = true
    // Nothing may follow; reading on lets the stream close by itself.
    this.#stream?.resume()
    this.#handler.onEnd()
  }

  onErrorRecord(text: string): void {
    this.#fail(decodeRefusal(text))
  }

  #fail(refusal: Refusal): void {
    if (this.#over) return
    this.#over = true
    this.#reset(constants.NGHTTP2_CANCEL)
    this.#handler.onError(refusal)
  }

  #reset(code: number): void {
    if (this.#stream === undefined || this.#stream.destroyed) return
    this.#stream.close(code)
    this.#stream.resume()
  }
}

function isStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599
}

function isFlatHeaders(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length % 2 !== 0) return false
  return value.every((one, i) => typeof one === 'string' && (i % 2 === 1 ? VALUE.test(one) : NAME.test(one)))
}

const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
