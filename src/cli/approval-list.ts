import type { ApprovalList } from '../api/schema/approvals.ts'
import { flag, type Run, text } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { approvalColumns } from './output/approvals.ts'

export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const query = { mine: flag(options, 'mine'), state: text(options, 'state') }
  const list = await client.get<ApprovalList>('/v1/approvals', { query })
  await context.output.list(list, list.items, approvalColumns, a => `approval/${a.id}`)
  if (list.items.length === 0) context.say('nothing waits for an approval')
  return exitCodes.done
}
