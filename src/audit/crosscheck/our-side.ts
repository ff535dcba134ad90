import type { ClusterSide, Window } from './cluster-side.ts'
import { timeOf } from './cluster-side.ts'
import { kindOf, thingOf } from './ignored.ts'
import type { OurCall } from './our-calls.ts'
import { Collected, type Unseen, type VerbRow } from './report.ts'

/** Kinds of calls that are counted apart, for hints about audit policies. */
const MOST_KINDS = 10_000

export interface JudgeOptions {
  readonly connections: readonly string[]
  readonly isIgnored: (kind: string) => boolean
  readonly skew: number
  readonly window: Window
}

/** What came of the calls of our side once the cluster's events have gone by. */
export interface OurSide {
  readonly verbs: readonly VerbRow[]
  readonly total: Omit<VerbRow, 'verb'>
  readonly unseen: Collected<Unseen>
  /** Kinds of which the cluster's log has not a single one, with how many there should be. */
  readonly silentKinds: readonly (readonly [kind: string, expected: number])[]
  readonly open: number
  readonly uncertain: number
  readonly elsewhere: number
  readonly ignored: number
  readonly edge: number
  /** Whose end the cluster's log does not have. */
  readonly begunOnly: number
}

type Excuse = 'open' | 'uncertain' | 'elsewhere' | 'ignored' | 'edge'
type Row = { -readonly [K in keyof VerbRow]: VerbRow[K] }

export function judgeOurSide(
  calls: ReadonlyMap<string, OurCall>,
  cluster: ClusterSide,
  options: JudgeOptions,
): OurSide {
  const { window, skew } = options
  const rows = new Map<string, Row>()
  const unseen = new Collected<Unseen>()
  const kinds = new Map<string, { expected: number; seen: number }>()
  const counts = { open: 0, uncertain: 0, elsewhere: 0, ignored: 0, edge: 0, begunOnly: 0 }
  const rowOf = (verb: string): Row => {
    const row = rows.get(verb) ?? { verb, ours: 0, own: 0, seen: 0, cluster: 0, recorded: 0 }
    rows.set(verb, row)
    return row
  }

  for (const [id, call] of calls) {
    if (call.begun < window.since - skew || call.begun > window.until + skew) continue
    const row = rowOf(call.verb)
    const seen = call.seen !== 'no'
    if (call.seen === 'begun') counts.begunOnly += 1
    if (seen) {
      row.cluster += 1
      row.recorded += 1
    }
    if (call.state === 'refused') continue
    if (!seen) {
      const excuse = excuseOf(call, cluster, options)
      if (excuse !== undefined) {
        counts[excuse] += 1
        continue
      }
      unseen.add(unseenOf(id, call))
    }
    row.ours += 1
    if (call.own) row.own += 1
    if (seen) row.seen += 1
    count(kinds, call, seen)
  }
  for (const [verb, found] of cluster.unrecordedVerbs) rowOf(verb).cluster += found
  const verbs = [...rows.values()].filter(row => row.ours + row.cluster > 0)
  return {
    verbs: verbs.sort((a, b) => (a.verb < b.verb ? -1 : 1)),
    total: totalOf(verbs),
    unseen,
    silentKinds: [...kinds].flatMap(([kind, { expected, seen }]) =>
      seen === 0 ? [[kind, expected] as const] : [],
    ),
    ...counts,
  }
}

/** Why a call that the cluster's log does not have may rightly not be there. */
function excuseOf(call: OurCall, cluster: ClusterSide, options: JudgeOptions): Excuse | undefined {
  if (call.state === 'open' || call.state === 'uncertain') return call.state
  const { connections, isIgnored, skew } = options
  if (connections.length > 0 && !connections.includes(call.connection)) return 'elsewhere'
  if (isIgnored(kindOf(call))) return 'ignored'
  // Ended before the cluster's files begin, or too late to be sure to stand in them.
  const ended = call.ended ?? Number.POSITIVE_INFINITY
  return ended < cluster.from + skew || ended > cluster.to - skew ? 'edge' : undefined
}

function count(kinds: Map<string, { expected: number; seen: number }>, call: OurCall, seen: boolean): void {
  const name = kindOf(call)
  const kind = kinds.get(name) ?? { expected: 0, seen: 0 }
  kind.expected += 1
  if (seen) kind.seen += 1
  if (kinds.size < MOST_KINDS) kinds.set(name, kind)
}

function totalOf(rows: readonly VerbRow[]): Omit<VerbRow, 'verb'> {
  const total = { ours: 0, own: 0, seen: 0, cluster: 0, recorded: 0 }
  for (const row of rows) {
    for (const name of ['ours', 'own', 'seen', 'cluster', 'recorded'] as const) total[name] += row[name]
  }
  return total
}

function unseenOf(auditID: string, call: OurCall): Unseen {
  const { connection, verb, own, status, object } = call
  const name = object === undefined || object.name === '' ? '' : ` ${object.name}`
  const where = object === undefined || object.namespace === '' ? '' : ` in ${object.namespace}`
  const what = `${thingOf(call)}${name}${where}`
  return { auditID, time: timeOf(call.begun), connection, verb, what, own, code: status }
}
