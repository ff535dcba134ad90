import { exitCodes, Failure } from '../frame/failure.ts'

/** A refusal of the gateway as a failure of the command. Whatever the answer holds, it is only shown, never followed. */
export function failureOfAnswer(status: number, body: string, server: string): Failure {
  let problem: Record<string, unknown> = {}
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null) problem = value as Record<string, unknown>
  } catch {
    // Not of our API: a proxy in between, for instance.
  }
  const text = (name: string): string | undefined =>
    typeof problem[name] === 'string' ? (problem[name] as string).slice(0, 2000) : undefined
  const code = text('code')
  if (code === undefined) {
    return new Failure({
      exitCode: status === 401 ? exitCodes.signInFirst : exitCodes.failed,
      what: `${server} answered ${status} without saying why: it may not be a Sallyport gateway`,
    })
  }
  const title = text('title') ?? code
  const detail = text('detail')
  const errors = Array.isArray(problem.errors)
    ? (problem.errors as { at?: unknown; message?: unknown }[])
    : []
  return new Failure({
    exitCode: exitCodeOf(status, code),
    what: detail === undefined || errors.length > 0 ? title : `${title}: ${detail}`,
    places: errors.map(e => `${String(e.at)}: ${String(e.message)}`),
    check: text('check'),
    next: text('next'),
    requestId: text('requestId'),
    link: `${server}/errors#${code}`,
  })
}

function exitCodeOf(status: number, code: string): number {
  if (code === 'approval-pending') return exitCodes.waitingForApproval
  if (status === 401) return exitCodes.signInFirst
  if (status === 403) return exitCodes.denied
  if (code === 'draining') return exitCodes.unreachable
  return exitCodes.failed
}
