import { catalogue } from '../errors/catalogue.ts'
import type { Refusal } from '../errors/refusal.ts'
import type { Problem } from './schema/common.ts'

export interface ProblemDetail {
  /** Where in the input: `body.documents[0].kind`, or `file:line:column`. */
  readonly at: string
  readonly message: string
}

/** Problem details of RFC 9457. `type` is a path on this very gateway, where the error page is served. */
export function problemOf(refusal: Refusal, requestId: string, errors?: readonly ProblemDetail[]): Problem {
  const entry = catalogue[refusal.code]
  return {
    type: `/errors#${refusal.code}`,
    title: entry.summary,
    status: entry.status,
    ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
    instance: `urn:uuid:${requestId}`,
    code: refusal.code,
    ...(refusal.check === undefined ? {} : { check: refusal.check }),
    next: entry.next.replace('<request id>', requestId),
    requestId,
    ...(errors === undefined ? {} : { errors: [...errors] }),
  }
}
