import type { ApprovalDocument } from '../api/schema/approvals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { approvalText } from './output/approvals.ts'

export const run: Run = async (context, [id = '', verdict = ''], options) => {
  const note = text(options, 'note')
  if (note === undefined) throw usage('give --note: what you found')
  const client = await context.client()
  const path = `/v1/approvals/${encodeURIComponent(id)}/review`
  const answer = await client.post<ApprovalDocument>(path, { body: { verdict, note } })
  await context.output.one(answer, approvalText(answer.approval), `approval/${id}`)
  return exitCodes.done
}
