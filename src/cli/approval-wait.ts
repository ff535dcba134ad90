import type { ApprovalDocument } from '../api/schema/approvals.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { approvalText } from './output/approvals.ts'

const SECONDS = 50

/** Ends when it is decided; the exit code says how. */
export const run: Run = async (context, [id = '']) => {
  const client = await context.client()
  const path = `/v1/approvals/${encodeURIComponent(id)}`
  for (;;) {
    const answer = await client.get<ApprovalDocument>(path, { query: { wait: SECONDS } })
    if (answer.approval.state === 'pending') continue
    await context.output.one(answer, approvalText(answer.approval), `approval/${id}`)
    return answer.approval.state === 'approved' ? exitCodes.done : exitCodes.denied
  }
}
