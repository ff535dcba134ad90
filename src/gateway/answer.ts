import { Refusal } from '../errors/refusal.ts'
import type { AnswerController, AnswerHandler } from '../tunnel/contract.ts'

/** Bytes that may wait here for the log before the upstream is told to pause. */
const HIGH_WATER = 512 * 1024

/**
 * The upstream's answer as a queue between two speeds: chunks arrive as the agent delivers them, and are taken in
 * batches by whoever makes them durable. Back pressure reaches the upstream through the controller.
 */
export class Answer implements AnswerHandler {
  status = 0
  headers: readonly string[] = []
  ended = false
  /** Set by `stop`. */
  stopping = false
  #error: Error | undefined
  #chunks: Uint8Array[] = []
  #bytes = 0
  #paused = false
  #controller: AnswerController | undefined
  #head: { resolve(answer: Answer): void; reject(error: Error): void } | undefined
  #progress: { bytes: number; resolve(): void; reject(error: Error): void } | undefined
  #abort: (reason?: unknown) => void = () => {}

  /** Resolves when status and headers are there. Call once, before the dispatch can answer. */
  head(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) reject(this.#error)
      else this.#head = { resolve, reject }
    })
  }

  /** How to end the upstream side early. */
  abortWith(abort: (reason?: unknown) => void): void {
    this.#abort = abort
    if (this.#error !== undefined) abort(this.#error)
  }

  onHead(status: number, headers: readonly string[], controller: AnswerController): void {
    this.status = status
    this.headers = headers
    this.#controller = controller
    this.#head?.resolve(this)
    this.#head = undefined
  }

  onData(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes >= HIGH_WATER && !this.#paused) {
      this.#paused = true
      this.#controller?.pause()
    }
    if (this.#progress !== undefined && this.#bytes >= this.#progress.bytes) this.#wake()
  }

  onEnd(): void {
    this.ended = true
    this.#wake()
  }

  onError(error: Error): void {
    this.#fail(error)
  }

  /** Bytes that wait to be taken. */
  get waiting(): number {
    return this.#bytes
  }

  /** All that has arrived since the last call; when `ended` is true then, nothing is left. */
  take(): Uint8Array[] {
    const taken = this.#empty()
    if (!this.#paused) return taken
    this.#paused = false
    // May deliver what was held back before it returns, and the end.
    this.#controller?.resume()
    return this.ended ? taken.concat(this.#empty()) : taken
  }

  #empty(): Uint8Array[] {
    const chunks = this.#chunks
    this.#chunks = []
    this.#bytes = 0
    return chunks
  }

  /**
   * Resolves when more has arrived and at least `bytes` wait, or the answer has ended; rejects when it broke off.
   * More than half a mebibyte would never come: the upstream is told to pause before.
   */
  progress(bytes = 1): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    return new Promise((resolve, reject) => {
      this.#progress = { bytes, resolve, reject }
    })
  }

  /** As `progress`, but resolves after `patience` milliseconds at the latest: false then. */
  async progressWithin(bytes: number, patience: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const pause = new Promise<false>(resolve => {
      timer = setTimeout(() => resolve(false), patience)
    })
    try {
      return await Promise.race([this.progress(bytes).then(() => true), pause])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Throws what ended the answer early, if anything did. */
  check(): void {
    if (this.#error !== undefined) throw this.#error
  }

  /** Asks whoever takes to end the answer well, where the stream has a border. */
  stop(): void {
    this.stopping = true
    this.#wake()
  }

  /** Ends both sides of the queue: the upstream call is aborted, and whoever waits here gets `error`. */
  cancel(error: Error): void {
    if (this.#error !== undefined) return
    const finished = this.ended
    this.#fail(error)
    if (!finished) this.#abort(error)
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#head?.reject(error)
    this.#head = undefined
    this.#progress?.reject(error)
    this.#progress = undefined
  }

  #wake(): void {
    const progress = this.#progress
    this.#progress = undefined
    progress?.resolve()
  }
}

/** A stream that a person or a limit ended: revoked session, dead credential, drain. */
export function cutBy(detail: string): Refusal {
  return new Refusal('session-ended', { detail })
}
