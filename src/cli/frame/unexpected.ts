import { printable } from '../../audit/sentence.ts'
import { exitCodes, formatFailure } from './failure.ts'

/** An error that no command expected: its message, and its stack where somebody asked for it. */
export function describeUnexpected(error: unknown, env: NodeJS.ProcessEnv): string {
  const message = error instanceof Error ? error.message : String(error)
  const text = formatFailure({
    exitCode: exitCodes.failed,
    what: message,
    ...(env.SALLYPORT_DEBUG === undefined
      ? { next: 'see where it happened by setting SALLYPORT_DEBUG=1' }
      : {}),
  })
  if (env.SALLYPORT_DEBUG === undefined || !(error instanceof Error)) return text
  return `${text}${(error.stack ?? '').split('\n').map(printable).join('\n')}\n`
}
