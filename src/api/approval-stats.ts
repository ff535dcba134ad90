import type { EntryKind, Head } from '../audit/entry.ts'
import type { ApiServices } from './services.ts'

/** How a rule's approvals went: what shows that a question is asked too often, or answered without being read. */
export interface RuleStats {
  readonly rule: string
  readonly asked: number
  readonly approved: number
  readonly denied: number
  /** Nobody decided, or it was taken back. */
  readonly closed: number
  /** Decided within three seconds of being seen. */
  readonly unread: number
  readonly brokenGlass: number
  /** From question to answer; null: never answered. */
  readonly medianSeconds: number | null
  /** Approved so nearly always that the question teaches people to say yes. */
  readonly nearlyAlwaysApproved: boolean
}

const MOST = 20_000
/** Answers below which a share says nothing. */
const ENOUGH = 50
const NEARLY_ALWAYS = 0.95

type Counts = {
  -readonly [K in keyof Omit<RuleStats, 'medianSeconds' | 'nearlyAlwaysApproved'>]: RuleStats[K]
} & {
  readonly seconds: number[]
}

/** From the trail: so it is the same on every gateway, and survives what approvals themselves forget. */
export async function approvalStats(
  { audit }: Pick<ApiServices, 'audit'>,
  since: number,
): Promise<RuleStats[]> {
  const rulesOf = new Map<string, readonly string[]>()
  const counts = new Map<string, Counts>()
  const count = (head: Head, add: (counts: Counts) => void): void => {
    const { approval, rules } = head.facts ?? {}
    for (const rule of listOf(rules) ?? rulesOf.get(String(approval)) ?? []) {
      const found = counts.get(rule) ?? none(rule)
      counts.set(rule, found)
      add(found)
    }
  }
  await each(audit, 'approval.request', since, head => {
    rulesOf.set(String(head.facts?.approval), listOf(head.facts?.rules) ?? [])
    count(head, one => {
      one.asked += 1
    })
  })
  await each(audit, 'approval.decide', since, ({ facts, ...head }) => {
    const said = facts ?? {}
    count({ ...head, facts: said }, one => {
      if (said.unread === true) one.unread += 1
      // The last of several approvers makes the grant; one denial ends it.
      if (said.verdict === 'deny') one.denied += 1
      else if (said.grant !== undefined) one.approved += 1
      else return
      if (typeof said.afterSeconds === 'number') one.seconds.push(said.afterSeconds)
    })
  })
  await each(audit, 'approval.close', since, head =>
    count(head, one => {
      one.closed += 1
    }),
  )
  await each(audit, 'approval.break-glass', since, head =>
    count(head, one => {
      one.brokenGlass += 1
    }),
  )
  return [...counts.values()].map(statsOf).sort((a, b) => b.asked - a.asked || (a.rule < b.rule ? -1 : 1))
}

async function each(
  audit: ApiServices['audit'],
  kind: EntryKind,
  since: number,
  take: (head: Head) => void,
): Promise<void> {
  let from: string | undefined
  for (let seen = 0; seen < MOST; ) {
    const page = await audit.search({
      kind,
      since,
      limit: 500,
      ...(from === undefined ? {} : { after: from }),
    })
    for (const row of page.items) take(row.head)
    seen += page.items.length
    if (page.next === undefined || page.items.length === 0) return
    from = page.next
  }
}

function none(rule: string): Counts {
  return { rule, asked: 0, approved: 0, denied: 0, closed: 0, unread: 0, brokenGlass: 0, seconds: [] }
}

function statsOf({ seconds, ...counts }: Counts): RuleStats {
  const sorted = seconds.sort((a, b) => a - b)
  const { approved, denied, closed } = counts
  const answered = approved + denied + closed
  return {
    ...counts,
    medianSeconds: sorted[Math.floor(sorted.length / 2)] ?? null,
    nearlyAlwaysApproved: answered >= ENOUGH && approved / answered > NEARLY_ALWAYS,
  }
}

function listOf(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : undefined
}
