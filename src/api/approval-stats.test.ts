import assert from 'node:assert/strict'
import { test } from 'node:test'
import { approvalStats } from './approval-stats.ts'
import type { AuditQuery, AuditRow, AuditServices } from './services.ts'

type Facts = Readonly<Record<string, unknown>>

/** Pages of two, as a search gives them. */
function trail(entries: readonly (readonly [kind: string, facts: Facts])[]): Pick<AuditServices, 'search'> {
  return {
    async search({ kind, after }: AuditQuery) {
      const rows = entries.filter(([of]) => of === kind).map(([of, facts]) => ({ kind: of, head: { facts } }))
      const from = Number(after ?? 0)
      const items = rows.slice(from, from + 2) as unknown as AuditRow[]
      return { items, ...(rows.length > from + 2 ? { next: String(from + 2) } : {}) }
    },
  }
}

function asked(id: string, verdict: 'approve' | 'deny', seconds: number, more: Facts = {}) {
  const of = { approval: id, rules: ['p/r'] }
  return [
    ['approval.request', of],
    [
      'approval.decide',
      { ...of, verdict, afterSeconds: seconds, ...(verdict === 'approve' ? { grant: 'g' } : {}), ...more },
    ],
  ] as const
}

test('approvals are counted by rule, over all pages; one of several approvers is not yet an approval', async () => {
  const audit = trail([
    ...asked('a', 'approve', 10, { unread: true }),
    ...asked('b', 'deny', 30),
    ...asked('c', 'approve', 20),
    ['approval.decide', { approval: 'd', rules: ['p/r'], verdict: 'approve', afterSeconds: 1 }],
    ['approval.request', { approval: 'd', rules: ['p/r'] }],
    ['approval.close', { approval: 'd' }],
    ['approval.break-glass', { approval: 'e', rules: ['p/other'] }],
  ])
  const [rule, other] = await approvalStats({ audit: audit as AuditServices }, 0)
  assert.deepEqual(rule, {
    ...{ rule: 'p/r', asked: 4, approved: 2, denied: 1, closed: 1, unread: 1, brokenGlass: 0 },
    ...{ medianSeconds: 20, nearlyAlwaysApproved: false },
  })
  assert.equal(other?.brokenGlass, 1)
})

test('a rule that is approved more than 95 times of 100 is marked, from fifty answers on', async () => {
  const marked = async (yes: number, no: number) => {
    const answers = Array.from({ length: yes + no }, (_, i) =>
      asked(`a${i}`, i < yes ? 'approve' : 'deny', 60),
    )
    const [rule] = await approvalStats({ audit: trail(answers.flat()) as AuditServices }, 0)
    return rule?.nearlyAlwaysApproved
  }
  assert.deepEqual(
    [await marked(49, 0), await marked(50, 0), await marked(95, 5), await marked(96, 4)],
    [false, true, false, true],
  )
})
