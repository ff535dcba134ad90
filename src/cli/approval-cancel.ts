import type { ApprovalDocument } from '../api/schema/approvals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { approvalText } from './output/approvals.ts'

export const run: Run = async (context, [id = ''], options) => {
  const client = await context.client()
  const body = { reason: text(options, 'reason') ?? '' }
  const path = `/v1/approvals/${encodeURIComponent(id)}/cancel`
  const answer = await client.post<ApprovalDocument>(path, { body })
  await context.output.one(answer, approvalText(answer.approval), `approval/${id}`)
  return exitCodes.done
}
