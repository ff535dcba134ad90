/** What went wrong, without the properties that PostgreSQL hangs on errors: `detail` and `where` may quote values. */
export interface PostgresFailure {
  readonly reason: string
  /** SQLSTATE, or the code of the system's error. */
  readonly code: string | null
  /** The server said that the statement had no effect. Otherwise nothing is known about it. */
  readonly refused: boolean
}

/** Ends of the connection that the server announces: the statement may have been committed before (57P01 to 57P04). */
const ENDED = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25P04', '08000', '08003', '08006'])

export function failureOf(error: unknown): PostgresFailure {
  const { message, code } = error as { message?: unknown; code?: unknown }
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? 'unknown error')
  if (typeof code !== 'string') return { reason: text, code: null, refused: false }
  // Five characters: SQLSTATE. `pg` gives codes of the system (ECONNREFUSED) in the same place.
  const sqlState = /^[0-9A-Z]{5}$/.test(code)
  return {
    reason: sqlState ? `${text} (SQLSTATE ${code})` : text,
    code,
    refused: sqlState && !ENDED.has(code),
  }
}

/** An AggregateError of several addresses (`localhost`) has no message of its own. */
export function plainError(error: unknown): Error {
  if (error instanceof AggregateError && error.errors.length > 0) return plainError(error.errors[0])
  const { reason } = failureOf(error)
  return new Error(reason)
}
