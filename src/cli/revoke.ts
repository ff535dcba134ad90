import type { Revoked } from '../api/schema/identity.ts'
import { forgetSessions } from './config/sign-in-file.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { duration } from './output/time.ts'

export const run: Run = async (context, [kind = '', id = '', subject], options) => {
  const until = text(options, 'until')
  const body = {
    target: targetOf(kind, id, subject),
    reason: text(options, 'reason') ?? '',
    ...(until === undefined ? {} : { until: later(until) }),
  }
  const client = await context.client()
  const answer = await client.post<Revoked>('/v1/revocations', { body })
  if (kind === 'session') forgetSessions(context.paths, client.server, id)
  const name = kind === 'principal' ? `${subject} of ${id}` : id
  const lasting = until === undefined ? '' : ` until ${body.until}`
  await context.output.one(
    answer,
    `revoked ${kind} ${name}${lasting}; sessions ended: ${answer.sessionsEnded}`,
    `revocation/${answer.revocation.id}`,
  )
  return exitCodes.done
}

function targetOf(kind: string, id: string, subject: string | undefined): object {
  if (kind === 'principal') {
    if (subject === undefined) {
      throw usage(
        'a principal is named by issuer and subject, never by user name',
        'find both: sallyport session list --all -o yaml',
      )
    }
    return { kind, issuer: id, subject }
  }
  if (subject !== undefined) throw usage(`revoke ${kind} takes one name`)
  return kind === 'issuer' ? { kind, issuer: id } : { kind, id }
}

function later(text: string): string {
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : Date.now() + duration(text, '--until')
  if (Number.isNaN(at)) throw usage(`--until takes a time such as 2h or 2026-01-31, not ${text}`)
  return new Date(at).toISOString()
}
