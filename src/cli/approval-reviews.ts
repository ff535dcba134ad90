import type { ApprovalItem, ApprovalList } from '../api/schema/approvals.ts'
import { flag, type Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import type { Column } from './output/table.ts'
import { shortTime } from './output/time.ts'

const columns: readonly Column<ApprovalItem>[] = [
  { title: 'ID', value: a => a.id },
  { title: 'STATE', value: a => (a.brokenGlass?.overdue === true ? 'OVERDUE' : 'open') },
  { title: 'BROKEN BY', value: a => a.brokenGlass?.by.username ?? '' },
  { title: 'WHAT', value: a => a.sentence, least: 30 },
  { title: 'TICKET', value: a => a.brokenGlass?.ticket ?? '' },
  { title: 'REVIEW BY (UTC)', value: a => shortTime(a.brokenGlass?.reviewBy ?? a.deadline) },
]

export const run: Run = async (context, _args, options) => {
  const client = await context.client()
  const query = { review: flag(options, 'overdue') ? 'overdue' : 'open' }
  const list = await client.get<ApprovalList>('/v1/approvals', { query })
  await context.output.list(list, list.items, columns, a => `approval/${a.id}`)
  if (list.items.length === 0) context.say('no broken glass waits for a review')
  return exitCodes.done
}
