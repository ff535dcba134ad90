import type { Client, Dispatcher } from 'undici'
import { Refusal } from '../../errors/refusal.ts'
import type { AnswerController, AnswerHandler } from '../../tunnel/contract.ts'
import { flattenAnswerHeaders } from './answer-headers.ts'
import { upstreamRefusal } from './failures.ts'

/**
 * Greater than zero while the HTTP parser is on the stack. The parser is not re-entrant: resuming or starting
 * another call from within its callbacks must wait until it has returned.
 */
let parsing = 0

/** Runs `work` at once, or as soon as the parser has returned. */
export function outsideParser(work: () => void): void {
  if (parsing === 0) work()
  else queueMicrotask(work)
}

/** One connection's worth of HTTP client, lent to one call at a time. */
export interface Slot {
  readonly client: Client
  connected: boolean
}

export interface SlotOwner {
  /** The call is over and the connection may serve the next one. */
  free(slot: Slot): void
  /** The call is over and its connection must not be used again. */
  discard(slot: Slot): void
}

export interface ExchangeFacts {
  /** A 401 means that the agent's own credential was refused, unless what answers is not the API server. */
  readonly passUnauthorized: boolean
  /** Called when the upstream refused the agent's credential. */
  onUnauthorized(): void
}

/** One request on its way upstream: the HTTP client's handler on one side, the link's contract on the other. */
export class UpstreamExchange implements Dispatcher.DispatchHandler, AnswerController {
  #slot: Slot | undefined
  readonly #owner: SlotOwner
  readonly #facts: ExchangeFacts
  readonly #handler: AnswerHandler
  #controller: Dispatcher.DispatchController | undefined
  #silenced = false

  constructor(slot: Slot, owner: SlotOwner, facts: ExchangeFacts, handler: AnswerHandler) {
    this.#slot = slot
    this.#owner = owner
    this.#facts = facts
    this.#handler = handler
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    fields: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#slot === undefined || status < 200) return
    const refusal = this.#refuse(status, fields)
    if (refusal !== undefined) {
      this.#fail(refusal)
      return
    }
    parsing++
    try {
      this.#handler.onHead(status, flattenAnswerHeaders(fields), this)
    } catch (error) {
      this.#fail(new Refusal('internal', { cause: error }))
    } finally {
      parsing--
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#slot === undefined) return
    parsing++
    try {
      this.#handler.onData(chunk)
    } catch (error) {
      this.#fail(new Refusal('internal', { cause: error }))
    } finally {
      parsing--
    }
  }

  onResponseEnd(): void {
    const slot = this.#slot
    if (slot === undefined) return
    this.#slot = undefined
    this.#owner.free(slot)
    parsing++
    try {
      this.#handler.onEnd()
    } catch {
      // The call is over; a handler that throws now has nobody left to tell.
    } finally {
      parsing--
    }
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(upstreamRefusal(error))
  }

  pause(): void {
    if (this.#slot !== undefined) this.#controller?.pause()
  }

  resume(): void {
    if (parsing === 0) this.#resume()
    else queueMicrotask(() => this.#resume())
  }

  #resume(): void {
    if (this.#slot !== undefined) this.#controller?.resume()
  }

  /** Ends the call without a word to its handler. On HTTP/1.1 that costs the connection. */
  abort(): void {
    this.#silenced = true
    this.#release()
  }

  /** Ends the call because this side is going away. */
  cut(): void {
    this.#fail(new Refusal('agent-unavailable', { check: 'closing' }))
  }

  #release(): boolean {
    const slot = this.#slot
    if (slot === undefined) return false
    this.#slot = undefined
    this.#owner.discard(slot)
    return true
  }

  #fail(refusal: Refusal): void {
    if (!this.#release()) return
    // Never from within dispatch(): its caller does not know yet how to abort.
    queueMicrotask(() => {
      if (!this.#silenced) this.#handler.onError(refusal)
    })
  }

  #refuse(status: number, fields: Record<string, string | string[] | undefined>): Refusal | undefined {
    if (status >= 300 && status < 400 && fields.location !== undefined) {
      // Following it would carry our credential elsewhere, relaying it the caller's (CVE-2022-3172).
      return new Refusal('upstream-answer-refused', {
        check: 'redirect',
        detail: `the upstream answered ${status} with a Location`,
      })
    }
    if (status === 401 && !this.#facts.passUnauthorized) {
      this.#facts.onUnauthorized()
      return new Refusal('upstream-unreachable', {
        check: 'agent-credential',
        detail: "the upstream does not accept the agent's credential",
      })
    }
    return undefined
  }
}
