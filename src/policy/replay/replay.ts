import type { AuditPage, AuditQuery, AuditRow } from '../../audit/search/contract.ts'
import { sentence } from '../../audit/sentence.ts'
import type { CompiledPolicies } from '../compile.ts'
import type { Action, Decision, Effect, ShownPart } from '../decision.ts'
import { readsBody } from '../reads.ts'
import {
  type NotJudged,
  type RecordedCall,
  recordedCall,
  type TrailReader,
  type Wanted,
  withResult,
} from './recorded-call.ts'

export interface ReplayedChange {
  readonly call: string
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly user: string
  /** The row of the trail as one sentence. */
  readonly sentence: string
  readonly before: { readonly effect: string; readonly rules: readonly string[] }
  readonly after: { readonly effect: string; readonly rules: readonly string[]; readonly reason: string }
}

export interface ReplayReport {
  /** Recorded decisions that were asked again. */
  readonly judged: number
  readonly unchanged: number
  readonly changed: number
  /** Oldest first; at most `MOST_CHANGES`. */
  readonly changes: readonly ReplayedChange[]
  /** Why some could not be asked again, with the first of them. */
  readonly notJudged: readonly {
    readonly why: string
    readonly count: number
    readonly calls: readonly string[]
  }[]
  /** There are more recorded decisions than are looked at in one replay. */
  readonly cut: boolean
}

export interface ReplayParts {
  search(query: AuditQuery): Promise<AuditPage>
  readonly trail: TrailReader
  readonly candidate: CompiledPolicies
}

export const MOST_CHANGES = 1000
const MOST_CALLS = 200_000
const PAGE = 500

/** Asks a set of policies for every recorded decision between two times, newest first. Limits that count are not played. */
export async function replay(
  { search, trail, candidate }: ReplayParts,
  query: Omit<AuditQuery, 'limit' | 'after' | 'kind'>,
): Promise<ReplayReport> {
  const wanted = wantedBy(candidate)
  const changes: ReplayedChange[] = []
  const missing = new Map<string, { count: number; calls: string[] }>()
  const miss = (why: string, call: string): void => {
    const known = missing.get(why) ?? { count: 0, calls: [] }
    known.count += 1
    if (known.calls.length < 5) known.calls.push(call)
    missing.set(why, known)
  }
  let judged = 0
  let changed = 0
  let looked = 0
  let cut = false
  for (const kind of ['k8s.request', 'admin.request']) {
    let after: string | undefined
    do {
      const page = await search({ ...query, kind, limit: PAGE, ...(after === undefined ? {} : { after }) })
      for (const row of page.items) {
        // What was refused before it was understood was never decided.
        const recorded = row.head.decision
        if (recorded === undefined) continue
        // People let it pass; what policy said is that it takes them.
        const before = recorded.approved === true ? { ...recorded, effect: 'hold' } : recorded
        looked += 1
        const call = await recordedCall(row, wanted, trail)
        if ('missing' in call) {
          miss(call.missing, row.call)
          continue
        }
        const actions = await asJudged(row, call, candidate, trail)
        if ('missing' in actions) {
          miss(actions.missing, row.call)
          continue
        }
        const decision = worst(actions.map(action => candidate.decide(action, call.circumstances)))
        if (dependsOnLabels(row, decision)) {
          miss(LABELS, row.call)
          continue
        }
        judged += 1
        const isSame = partText(decision.part?.shown) === partText(recorded.part)
        if (decision.effect === before.effect && isSame) continue
        changed += 1
        changes.push(changeOf(row, before, decision))
        if (changes.length > MOST_CHANGES) changes.shift()
      }
      after = page.next
      cut = after !== undefined && looked >= MOST_CALLS
    } while (after !== undefined && !cut)
  }
  changes.sort((a, b) => a.time - b.time || (a.call < b.call ? -1 : 1))
  const notJudged = [...missing].map(([why, { count, calls }]) => ({ why, count, calls }))
  return { judged, unchanged: judged - changed, changed, changes, notJudged, cut }
}

/** Of a write that says only a part of what comes of it, rules on the body look at what came of it. */
async function asJudged(
  row: AuditRow,
  { actions, circumstances }: RecordedCall,
  candidate: CompiledPolicies,
  trail: TrailReader,
): Promise<readonly Action[] | NotJudged> {
  const [action] = actions
  if (action === undefined || action.protocol === 'admin') return actions
  if (candidate.wantsResult(action, circumstances) === null) return actions
  const seen = await withResult(row, action, trail)
  return 'missing' in seen ? seen : [seen]
}

type Recorded = NonNullable<AuditRow['head']['decision']>

const LABELS = 'a rule looks at the labels of the one object, which are not kept'

/** One object is shown or not by its labels: the same labels say the same of it, of others that cannot be told. */
function dependsOnLabels({ head }: AuditRow, { part }: Decision): boolean {
  if (part === undefined || head.action?.verb !== 'get') return false
  return partText(part.shown) !== partText(head.decision?.part)
}

/** What of a list is shown, to be compared; empty: it is not in part. */
function partText(part: readonly ShownPart[] | undefined): string {
  if (part === undefined) return ''
  const shown = part.map(({ namespaces, resourceNames, labels }) =>
    JSON.stringify([namespaces?.toSorted(), resourceNames?.toSorted(), labels]),
  )
  return [...new Set(shown)].sort().join('\n')
}

function effectWords(effect: string, isPart: boolean): string {
  return isPart && effect === 'allow' ? 'allow in part' : effect
}

function changeOf(row: AuditRow, before: Recorded, after: Decision): ReplayedChange {
  return {
    call: row.call,
    time: row.time,
    user: row.head.principal?.username ?? '',
    sentence: sentence(row),
    before: { effect: effectWords(before.effect, before.part !== undefined), rules: before.rules },
    after: {
      effect: effectWords(after.effect, after.part !== undefined),
      rules: after.rules,
      reason: after.reason,
    },
  }
}

const RANK: Readonly<Record<Effect, number>> = { deny: 0, hold: 1, allow: 2 }

/** A call of several actions passes when all of them do. */
function worst(decisions: readonly Decision[]): Decision {
  return decisions.reduce((a, b) => (RANK[b.effect] < RANK[a.effect] ? b : a))
}

/** Names in the text of conditions: more than one looks at is asked for at worst. */
export function wantedBy({ rules }: CompiledPolicies): Wanted {
  const conditions = rules.flatMap(rule => (rule.condition === null ? [] : [rule.condition.source]))
  const says = (pattern: RegExp): boolean => conditions.some(source => pattern.test(source))
  return {
    bodies: conditions.some(readsBody),
    before: says(/\bbefore\b/),
    images: rules.some(rule => rule.circumstantial?.images != null) || says(/\bimages\b/),
    sessions: says(/\bsession\b/),
    connections: says(/\bconnection\b(?!\s*\.\s*name\b)/),
  }
}
