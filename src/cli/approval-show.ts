import type { ApprovalDocument } from '../api/schema/approvals.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { approvalPage } from './output/approvals.ts'

export const run: Run = async (context, [id = '']) => {
  const client = await context.client()
  const answer = await client.get<ApprovalDocument>(`/v1/approvals/${encodeURIComponent(id)}`)
  await context.output.one(answer, approvalPage(answer), `approval/${id}`)
  return exitCodes.done
}
