import type { ErrorCode } from '../../errors/catalogue.ts'
import type { BodyFacts } from '../action.ts'

/** A request body with one reading, in the form that is sent on. */
export interface JudgedBody {
  readonly refused: false
  /** The caller's own bytes, or JSON that was written from YAML, protobuf or gzip; null when there is none. */
  readonly bytes: Uint8Array | null
  /** Content-Type to send; empty when there is no body. */
  readonly mediaType: string
  /** Null when there is no body, or one that is not the API server's (behind a proxy subresource). */
  readonly facts: BodyFacts | null
}

export interface RefusedBody {
  readonly refused: true
  readonly check: string
  readonly code: ErrorCode
  readonly detail: string
}

export function refuseBody(
  check: string,
  detail: string,
  code: ErrorCode = 'request-ambiguous',
): RefusedBody {
  return { refused: true, check, code, detail }
}
