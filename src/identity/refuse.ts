import { Refusal } from '../errors/refusal.ts'

/** A credential that is wrong, for good: 401. `check` is stable and kebab-case; `detail` never holds the credential. */
export function invalidCredential(check: string, detail: string, cause?: unknown): Refusal {
  return new Refusal('credential-invalid', cause === undefined ? { check, detail } : { check, detail, cause })
}

export function expiredCredential(check: string, detail: string): Refusal {
  return new Refusal('credential-expired', { check, detail })
}

/** A credential that may be good, but whoever could say so cannot be asked: 503, so that clients try again. */
export function unverifiableCredential(check: string, detail: string, cause?: unknown): Refusal {
  const facts = { check, detail, retryAfter: 5 }
  return new Refusal('credential-unverifiable', cause === undefined ? facts : { ...facts, cause })
}
