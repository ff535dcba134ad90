import type { ApprovalDocument, ApprovalItem, GrantItem } from '../../api/schema/approvals.ts'
import { factLines } from './facts.ts'
import type { Column } from './table.ts'
import { shortTime } from './time.ts'

export const approvalColumns: readonly Column<ApprovalItem>[] = [
  { title: 'ID', value: a => a.id },
  { title: 'STATE', value: a => a.state },
  { title: 'CHECK', value: a => a.check },
  { title: 'WHAT', value: a => (a.callCount > 1 ? `${a.sentence} ×${a.callCount}` : a.sentence), least: 30 },
  { title: 'RULE', value: a => a.rules.join(', '), least: 12 },
  { title: 'UNTIL (UTC)', value: a => shortTime(a.deadline) },
  { title: 'TAKES', value: a => a.takes, wide: true },
]

export const grantColumns: readonly Column<GrantItem>[] = [
  { title: 'ID', value: g => g.id },
  { title: 'STATE', value: g => g.state },
  { title: 'WHAT', value: g => g.sentence, least: 30 },
  { title: 'HOW OFTEN', value: g => (g.once ? 'once' : g.left === undefined ? 'any' : `${g.left} more`) },
  { title: 'UNTIL (UTC)', value: g => shortTime(g.until) },
  {
    title: 'APPROVED BY',
    value: g => (g.brokenGlass === true ? 'NOBODY: glass broken' : g.approvers.join(', ')),
    least: 12,
  },
]

/** What would come of it, and what the requester has just done, below the facts. */
export function approvalPage({ approval, recent = [] }: ApprovalDocument): string {
  const { lines = [], truncated = false, count, note } = approval.foresight ?? {}
  const parts = [approvalText(approval)]
  if (note !== undefined && note !== '') parts.push(`Would do: ${note}`)
  if (count !== undefined) parts.push(`Would delete ${count} objects`)
  if (lines.length > 0)
    parts.push(['Would do:', ...lines.map(line => `  ${line}`), ...(truncated ? ['  …'] : [])].join('\n'))
  if (recent.length > 0)
    parts.push(['In the last hour:', ...recent.map(r => `  ${shortTime(r.time)}  ${r.sentence}`)].join('\n'))
  return parts.join('\n\n')
}

export function approvalText(a: ApprovalItem): string {
  const decisions = a.decisions.map(
    d =>
      `${d.verdict === 'approve' ? 'approved' : 'denied'} by ${d.by.username} at ${shortTime(d.at)} UTC (${d.via})${d.inPlaceOf === undefined ? '' : `, in the place of ${d.inPlaceOf}`}${d.unread ? ', within three seconds' : ''}${d.reason === undefined ? '' : `: ${d.reason}`}`,
  )
  return factLines([
    ['Approval', a.id],
    ['State', a.closedBecause === undefined ? a.state : `${a.state}: ${a.closedBecause}`],
    ['What', a.sentence],
    ['Check', a.check],
    [
      'Asked by',
      a.requester.startedBy === undefined
        ? a.requester.username
        : `${a.requester.username}, started by ${a.requester.startedBy.join(', ')}`,
    ],
    ['Reason', a.reason],
    ['Connection', a.connection],
    ['Held by', a.rules.join(', ')],
    ['Takes', a.takes],
    [
      'Grants',
      a.grantSeconds === undefined ? 'exactly this request, once' : `the same action for ${a.grantSeconds} s`,
    ],
    ['Asked at', `${shortTime(a.askedAt)} UTC`],
    ['Until', `${shortTime(a.deadline)} UTC`],
    [
      'Requests',
      `${a.calls.join(', ')}${a.callCount > a.calls.length ? ` and ${a.callCount - a.calls.length} more` : ''}`,
    ],
    ...(a.notices ?? []).map(n => ['Told', `${shortTime(n.at)} UTC: ${n.text}`] as const),
    ...(a.brokenGlass === undefined
      ? []
      : [
          ['Glass', `broken by ${a.brokenGlass.by.username}: ${a.brokenGlass.reason}`] as const,
          ['Ticket', a.brokenGlass.ticket] as const,
          [
            'Review',
            a.brokenGlass.review === undefined
              ? `${a.brokenGlass.overdue ? 'OVERDUE since' : 'before'} ${shortTime(a.brokenGlass.reviewBy)} UTC`
              : `${a.brokenGlass.review.verdict}, by ${a.brokenGlass.review.by.username}: ${a.brokenGlass.review.note}`,
          ] as const,
        ]),
    ...decisions.map(text => ['Decision', text] as const),
    ['Grant', a.grant],
  ])
}
