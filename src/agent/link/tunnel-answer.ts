import type { ServerHttp2Stream } from 'node:http2'
import type { Refusal } from '../../errors/refusal.ts'
import type { AnswerController, AnswerHandler } from '../../tunnel/contract.ts'
import { RecordType, recordHeader, textRecord } from '../../tunnel/records.ts'
import { encodeRefusal } from '../../tunnel/refusal-text.ts'

/** Above this a piece is not worth copying to save a frame. */
const COPY_BELOW = 128 * 1024

/**
 * Writes one answer into the tunnel. Records gather until the end of the turn: a small answer leaves as one write,
 * a large one in as few as the reading of the upstream allows.
 */
export class TunnelAnswer implements AnswerHandler {
  readonly #stream: ServerHttp2Stream
  #pieces: Buffer[] = []
  #bytes = 0
  #scheduled = false
  #responded = false
  #over = false
  #controller: AnswerController | undefined

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
    stream.on('drain', () => this.#controller?.resume())
  }

  get over(): boolean {
    return this.#over
  }

  onHead(status: number, headers: readonly string[], controller: AnswerController): void {
    this.#controller = controller
    this.#push(textRecord(RecordType.head, JSON.stringify([status, headers])))
    this.#schedule()
  }

  onData(chunk: Buffer): void {
    this.#push(recordHeader(RecordType.data, chunk.length))
    this.#push(chunk)
    this.#schedule()
  }

  onEnd(): void {
    this.#push(recordHeader(RecordType.end, 0))
    this.#over = true
    this.#flush()
  }

  onError(error: Refusal): void {
    this.#push(textRecord(RecordType.error, encodeRefusal(error)))
    this.#over = true
    this.#flush()
  }

  #push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // The head and what comes with it leave before other work; later pieces wait for their neighbours.
    if (this.#responded) setImmediate(() => this.#flush())
    else queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    const pieces = this.#pieces
    if (pieces.length === 0 || this.#stream.destroyed || this.#stream.closed) return
    this.#pieces = []
    if (!this.#responded) {
      this.#responded = true
      this.#stream.respond({ ':status': 200 })
    }
    let flowing = true
    if (this.#bytes <= COPY_BELOW) flowing = this.#stream.write(Buffer.concat(pieces, this.#bytes))
    else {
      this.#stream.cork()
      for (const piece of pieces) flowing = this.#stream.write(piece)
      this.#stream.uncork()
    }
    this.#bytes = 0
    if (this.#over) this.#stream.end()
    else if (!flowing) this.#controller?.pause()
  }
}
