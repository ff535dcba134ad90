/** What a crosscheck found. Counts are of calls (by Audit-ID), not of lines. */
export interface CrosscheckReport {
  /** Something was compared; nothing unrecorded, nothing unseen, nothing different. */
  readonly ok: boolean
  readonly logs: readonly LogFacts[]
  readonly cluster: ClusterFacts
  /** Who signs in at the cluster as an agent of ours: named by the caller, or learned from calls that agree. */
  readonly agentUsers: readonly string[]
  readonly verbs: readonly VerbRow[]
  readonly total: Omit<VerbRow, 'verb'>
  readonly findings: {
    /** The cluster served them under an identity of ours, and no entry of ours has their Audit-ID. */
    readonly unrecorded: Findings<Unrecorded>
    /** The cluster answered them, our log says, and the cluster's log does not. */
    readonly unseen: Findings<Unseen>
    /** Both have them, and say different things. */
    readonly different: Findings<Different>
    /** One Audit-ID, more than one request. */
    readonly repeated: Findings<Repeated>
    /** Lines that are no audit events: anything may stand there. */
    readonly unreadable: Findings<Unreadable>
  }
  /** Seen where they fall into no judgement; each with its reason. */
  readonly notJudged: readonly { readonly what: string; readonly count: number }[]
  readonly notes: readonly string[]
}

export interface LogFacts {
  readonly directory: string
  readonly origin: string
  readonly entries: number
  /** RFC 3339. */
  readonly from: string
  readonly to: string
}

export interface ClusterFacts {
  readonly files: readonly string[]
  readonly events: number
  readonly from: string
  readonly to: string
}

export interface VerbRow {
  readonly verb: string
  /** Calls of ours that the cluster answered; `own` of them are Sallyport's own. */
  readonly ours: number
  readonly own: number
  /** How many of `ours` the cluster's log has. */
  readonly seen: number
  /** Requests in the cluster's log under an identity of ours. */
  readonly cluster: number
  /** How many of `cluster` are in our log. */
  readonly recorded: number
}

export interface Findings<T> {
  readonly count: number
  /** The first of them; never more than 1000. */
  readonly items: readonly T[]
}

export interface Unrecorded {
  readonly auditID: string
  readonly time: string
  readonly why: 'agent user' | 'our user name' | 'our extra'
  readonly verb: string
  readonly uri: string
  readonly user: string
  readonly impersonated?: string
  readonly userAgent: string
  readonly addresses: readonly string[]
  readonly code: number
}

export interface Unseen {
  readonly auditID: string
  readonly time: string
  readonly connection: string
  readonly verb: string
  readonly what: string
  readonly own: boolean
  readonly code: number
}

export interface Different {
  readonly auditID: string
  readonly time: string
  readonly field: string
  readonly ours: string
  readonly cluster: string
}

export interface Repeated {
  readonly auditID: string
  readonly time: string
  readonly verb: string
  readonly uri: string
  readonly user: string
}

export interface Unreadable {
  readonly file: string
  readonly line: number
  readonly problem: string
}

/** Items that are kept of each kind of finding. */
export const MOST_ITEMS = 1000
/** Lines of each kind in the text for people. */
const MOST_LINES = 20

/** Collects findings without keeping more of them than a report can show. */
export class Collected<T> {
  count = 0
  readonly items: T[] = []
  readonly #most: number

  constructor(most = MOST_ITEMS) {
    this.#most = most
  }

  add(item: T): void {
    this.count += 1
    if (this.items.length < this.#most) this.items.push(item)
  }

  addAll(others: Collected<T>): void {
    this.count += others.count
    this.items.push(...others.items.slice(0, Math.max(0, this.#most - this.items.length)))
  }

  findings(): Findings<T> {
    return { count: this.count, items: this.items }
  }
}

/** For people; control characters of names are left to the caller. */
export function formatCrosscheck(report: CrosscheckReport): string {
  const lines: string[] = []
  for (const log of report.logs) {
    lines.push(`log ${log.origin}: ${log.entries} entries, ${log.from} to ${log.to}`)
  }
  const { cluster, findings } = report
  lines.push(`cluster: ${cluster.events} audit events, ${cluster.from} to ${cluster.to}`)
  lines.push(`agent signs in as: ${report.agentUsers.join(', ') || '(not known)'}`, '')
  lines.push(...formatVerbs(report.verbs, report.total))
  const section = <T>(title: string, found: Findings<T>, line: (item: T) => string): void => {
    if (found.count === 0) return
    lines.push('', `${title} (${found.count})`)
    for (const item of found.items.slice(0, MOST_LINES)) lines.push(`  ${line(item)}`)
    if (found.count > MOST_LINES)
      lines.push(`  and ${found.count - MOST_LINES} more; -o json lists up to ${MOST_ITEMS}`)
  }
  section(
    'NOT RECORDED: served by the cluster under an identity of ours, without an entry',
    findings.unrecorded,
    each =>
      [
        each.time,
        `${each.verb} ${each.uri}`,
        `by ${each.user}${each.impersonated === undefined ? '' : ` as ${each.impersonated}`} (${each.why})`,
        `${each.code} from ${each.addresses.join(' ')} ${each.userAgent}`,
        each.auditID,
      ].join(' · '),
  )
  section('NOT SEEN: answered by the cluster, not in its log', findings.unseen, each =>
    [each.time, `${each.verb} ${each.what}`, each.connection, String(each.code), each.auditID].join(' · '),
  )
  section('DIFFERENT: in both logs, with other facts', findings.different, each =>
    [each.time, `${each.field}: ours ${each.ours}, cluster ${each.cluster}`, each.auditID].join(' · '),
  )
  section('REPEATED: one Audit-ID, several requests', findings.repeated, each =>
    [each.time, `${each.verb} ${each.uri}`, `by ${each.user}`, each.auditID].join(' · '),
  )
  section(
    'NOT READABLE: lines that are no audit events',
    findings.unreadable,
    each => `${each.file} line ${each.line}: ${each.problem}`,
  )
  if (report.notJudged.length > 0) lines.push('')
  for (const { what, count } of report.notJudged) lines.push(`not judged: ${count} ${what}`)
  for (const note of report.notes) lines.push(`note: ${note}`)
  const compared = report.total.ours + report.total.cluster > 0
  lines.push(report.ok ? 'complete both ways' : compared ? 'NOT COMPLETE' : 'NOTHING COMPARED')
  return lines.join('\n')
}

/** The table, line by line. */
export function formatVerbs(verbs: readonly VerbRow[], total: Omit<VerbRow, 'verb'>): string[] {
  const rows = [
    ['VERB', 'OURS', 'OWN', 'SEEN', '', 'CLUSTER', 'RECORDED', ''],
    ...verbs.map(row => cells(row.verb, row)),
    cells('all', total),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  )
}

function cells(verb: string, row: Omit<VerbRow, 'verb'>): string[] {
  return [
    verb,
    String(row.ours),
    String(row.own),
    String(row.seen),
    percent(row.seen, row.ours),
    String(row.cluster),
    String(row.recorded),
    percent(row.recorded, row.cluster),
  ]
}

/** Never rounded up to 100 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '-'
  return part === whole ? '100 %' : `${(Math.floor((part / whole) * 10_000) / 100).toFixed(2)} %`
}
