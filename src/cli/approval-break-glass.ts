import type { ApprovalDocument } from '../api/schema/approvals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { approvalText } from './output/approvals.ts'

export const run: Run = async (context, [id = ''], options) => {
  const [reason, ticket] = [text(options, 'reason'), text(options, 'ticket')]
  if (reason === undefined || ticket === undefined) throw usage('give --reason and --ticket')
  const client = await context.client()
  const path = `/v1/approvals/${encodeURIComponent(id)}/break-glass`
  const answer = await client.post<ApprovalDocument>(path, { body: { reason, ticket } })
  await context.output.one(answer, approvalText(answer.approval), `approval/${id}`)
  context.say('the glass is broken: everybody who was asked is told, and another person will review it')
  return exitCodes.done
}
