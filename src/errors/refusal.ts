import { catalogue, type ErrorCode } from './catalogue.ts'

export interface RefusalFacts {
  /** Name of the rule or check that refused, e.g. `empty-segment` or `policy/no-prod-deletes`. */
  readonly check?: string
  /** One clause that says what exactly was wrong. Never holds a credential or a body. */
  readonly detail?: string
  /** Seconds for `Retry-After`. */
  readonly retryAfter?: number
  /** For the log only; never reaches the caller. */
  readonly cause?: unknown
}

/**
 * A stage's way to end an exchange. It becomes a `metav1.Status` (or a JSON-RPC error, or a problem
 * document of our own API); what the caller reads is the catalogue's text, `check` and `detail`.
 */
export class Refusal extends Error {
  readonly code: ErrorCode
  readonly check: string | undefined
  readonly detail: string | undefined
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, facts: RefusalFacts = {}) {
    super(
      facts.detail ?? catalogue[code].summary,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    )
    this.name = 'Refusal'
    this.code = code
    this.check = facts.check
    this.detail = facts.detail
    this.retryAfter = facts.retryAfter
  }

  get status(): number {
    return catalogue[this.code].status
  }
}
