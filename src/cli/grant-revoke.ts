import type { GrantDocument } from '../api/schema/approvals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

export const run: Run = async (context, [id = ''], options) => {
  const client = await context.client()
  const body = { reason: text(options, 'reason') ?? '' }
  const path = `/v1/grants/${encodeURIComponent(id)}/revoke`
  const answer = await client.post<GrantDocument>(path, { body })
  await context.output.one(answer, `revoked: ${answer.grant.sentence}`, `grant/${id}`)
  return exitCodes.done
}
