import type { ApprovalStatsItem, ApprovalStatsList } from '../api/schema/approvals.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import type { Column } from './output/table.ts'

const columns: readonly Column<ApprovalStatsItem>[] = [
  { title: 'RULE', value: s => s.rule, least: 12 },
  { title: 'ASKED', value: s => String(s.asked) },
  { title: 'APPROVED', value: s => String(s.approved) },
  { title: 'DENIED', value: s => String(s.denied) },
  { title: 'CLOSED', value: s => String(s.closed) },
  { title: 'UNREAD', value: s => String(s.unread) },
  { title: 'GLASS', value: s => String(s.brokenGlass) },
  { title: 'MEDIAN', value: s => (s.medianSeconds === undefined ? '' : `${s.medianSeconds}s`) },
  { title: 'NOTE', value: s => (s.nearlyAlwaysApproved ? 'nearly always approved' : '') },
]

export const run: Run = async (context, _args, options) => {
  const days = text(options, 'days') ?? '30'
  if (!/^[1-9]\d{0,2}$/.test(days)) throw usage('--days takes a number from 1 to 365')
  const client = await context.client()
  const list = await client.get<ApprovalStatsList>('/v1/approval-stats', { query: { days } })
  await context.output.list(list, list.items, columns, s => `rule/${s.rule}`)
  if (list.items.length === 0) context.say(`nothing was asked for in ${days} days`)
  return exitCodes.done
}
