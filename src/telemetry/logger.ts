import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger }

/**
 * Structured logs, one JSON object a line, on stderr unless told otherwise. Nothing of a request's headers or
 * bodies is ever handed to it; the redaction list is the second lock.
 */
export function createLogger(level: string, destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      messageKey: 'msg',
      timestamp: pino.stdTimeFunctions.isoTime,
      base: null,
      redact: {
        paths: [
          'authorization',
          '*.authorization',
          'token',
          '*.token',
          'password',
          '*.password',
          'cookie',
          '*.cookie',
        ],
        censor: '[redacted]',
      },
      serializers: { error: serializeError },
    },
    destination,
  )
}

/** Message, code and stack of our own code; never the properties that libraries hang on errors (headers, bodies). */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = (error as { code?: unknown }).code
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  }
}
