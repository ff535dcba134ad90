import type { Readable } from 'node:stream'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import type { Files } from '../files/files.ts'
import { eventsOf } from './cluster-event.ts'
import { ClusterSide, timeOf, type Window } from './cluster-side.ts'
import { ignoring } from './ignored.ts'
import { linesOf } from './lines.ts'
import { type OurCall, type OurLog, readOurCalls } from './our-calls.ts'
import { judgeOurSide, type OurSide } from './our-side.ts'
import { Collected, type CrosscheckReport, type Unreadable } from './report.ts'

export interface CrosscheckOptions {
  /** Audit logs of one cluster's API servers, as files of JSON lines, perhaps gzipped; `-` is `stdin`. */
  readonly files: readonly string[]
  readonly stdin: Readable
  readonly disk: Files
  /** Logs of the gateways before that cluster, each with its key-encryption key. */
  readonly logs: readonly { readonly directory: string; readonly keyEncryption: KeyEncryption }[]
  /** Only calls on these connections are expected in the cluster's log; empty: all. */
  readonly connections: readonly string[]
  /** Users as whom agents sign in at the cluster, beside those that are learned. */
  readonly agentUsers: readonly string[]
  /** Kinds that the cluster's audit policy does not record. */
  readonly ignore: readonly string[]
  /** Milliseconds since the epoch; default: as far as our logs go. */
  readonly since?: number
  readonly until?: number
  /** Milliseconds by which the clocks of both sides may differ. */
  readonly skew: number
  /** Calls of ours that are held in memory at most. */
  readonly mostCalls: number
}

/**
 * Joins our log with a cluster's own by Audit-ID. Holds the calls of our side (about 300 bytes each) and reads the
 * other side once. Throws RangeError for options that make no sense, TooManyCalls, and Error where a file cannot be read.
 */
export async function crosscheck(options: CrosscheckOptions): Promise<CrosscheckReport> {
  const isIgnored = ignoring(options.ignore)
  const calls = new Map<string, OurCall>()
  const logs: OurLog[] = []
  // A call begins at the gateway before it reaches the cluster: how long before is bounded by the time for its head.
  const margin = options.skew + 300_000
  for (const { directory, keyEncryption } of options.logs) {
    const since = (options.since ?? Number.NEGATIVE_INFINITY) - margin
    const until = (options.until ?? Number.POSITIVE_INFINITY) + margin
    logs.push(
      await readOurCalls(
        options.disk,
        { directory, keyEncryption, most: options.mostCalls, since, until },
        calls,
      ),
    )
  }
  const window = windowOf(options, logs)
  const side = new ClusterSide(calls, options.agentUsers, window)
  const unreadable = new Collected<Unreadable>()
  let cutLines = 0
  for (const file of options.files) {
    for await (const line of linesOf(file, options.stdin)) {
      const events = line.text === null ? undefined : line.text.trim() === '' ? [] : eventsOf(line.text)
      if (events !== undefined) for (const event of events) side.take(event)
      else if (!line.complete && file !== '-') cutLines += 1
      else {
        const problem = line.text === null ? 'the line is too long' : 'not an audit.k8s.io/v1 Event'
        unreadable.add({ file, line: line.number, problem })
      }
    }
  }
  side.settleUsers()
  const ours = judgeOurSide(calls, side, {
    connections: options.connections,
    isIgnored,
    skew: options.skew,
    window,
  })
  const findings = {
    unrecorded: side.unrecorded.findings(),
    unseen: ours.unseen.findings(),
    different: side.different.findings(),
    repeated: side.repeated.findings(),
    unreadable: unreadable.findings(),
  }
  return {
    // Nothing compared is nothing found out: a check of the wrong files must not be green.
    ok:
      ours.total.ours + ours.total.cluster > 0 &&
      !side.tooManyUsers &&
      Object.values(findings).every(each => each.count === 0),
    logs: logs.map((log, at) => ({
      directory: options.logs[at]!.directory,
      origin: log.origin,
      entries: log.entries,
      from: timeOf(log.begins),
      to: timeOf(log.ends),
    })),
    cluster: { files: options.files, events: side.events, from: timeOf(side.from), to: timeOf(side.to) },
    agentUsers: [...side.agentUsers].sort(),
    verbs: ours.verbs,
    total: ours.total,
    findings,
    notJudged: notJudged(ours, side, cutLines),
    notes: notesOf(logs, ours, side),
  }
}

/** Own reads are entered after their answer has come: so late can an entry be for what the cluster has served. */
const LATEST_ENTRY = 30_000

/**
 * Before a log begins and after it ends it says nothing of what was served; unless its last entry says that the gateway
 * was stopped: then nothing may come after it.
 */
function windowOf(options: CrosscheckOptions, logs: readonly OurLog[]): Window {
  const running = logs.filter(log => !log.stopped).map(log => log.ends - LATEST_ENTRY - options.skew)
  const since = options.since ?? Math.min(...logs.map(log => log.begins))
  const until = options.until ?? Math.min(Number.POSITIVE_INFINITY, ...running)
  if (since > until && options.until !== undefined) {
    throw new RangeError('the time to look at ends before it begins')
  }
  return { since, until }
}

function notJudged(ours: OurSide, side: ClusterSide, cutLines: number): { what: string; count: number }[] {
  return [
    { what: "calls of ours at the edges of the cluster's files", count: ours.edge },
    { what: 'calls of ours that were under way', count: ours.open },
    { what: 'calls of ours that may or may not have arrived', count: ours.uncertain },
    { what: 'calls of ours on other connections', count: ours.elsewhere },
    { what: 'calls of ours that --ignore names', count: ours.ignored },
    { what: "calls whose end is not in the cluster's log", count: ours.begunOnly },
    { what: 'events under an identity of ours outside of the time of our log', count: side.outside },
    { what: 'events of other users of the cluster', count: side.foreign },
    { what: 'events that stand there twice', count: side.duplicates },
    { what: 'last lines that are still being written', count: cutLines },
  ].filter(each => each.count > 0)
}

function notesOf(logs: readonly OurLog[], ours: OurSide, side: ClusterSide): string[] {
  const notes: string[] = []
  if (ours.unseen.count > 0 && ours.total.seen > 0) {
    for (const [kind, expected] of ours.silentKinds.slice(0, 20)) {
      notes.push(
        `none of the ${expected} calls of the kind ${kind} is there: if the cluster's audit policy does not record it, say --ignore ${kind}; it cannot be told apart from loss`,
      )
    }
  }
  if (ours.total.ours + ours.total.cluster === 0) {
    notes.push(
      `nothing was compared: no call falls into the time that can be judged (not the last ${LATEST_ENTRY / 1000} s of a log that runs, or was not stopped in order)`,
    )
  } else if (ours.total.recorded === 0) {
    notes.push('no call is in both logs: are these files of the cluster behind this gateway? (--connection)')
  }
  if (side.agentUsers.size === 0) {
    notes.push(
      'the user of the agent is not known: what it did besides cannot be found; name it with --agent-user',
    )
  }
  if (side.tooManyUsers) {
    notes.push('the cluster has too many users to keep apart: name those of the agents with --agent-user')
  }
  if (side.panics > 0) notes.push(`the API server panicked in ${side.panics} requests`)
  const withoutFacts = logs.reduce((sum, log) => sum + log.withoutFacts, 0)
  if (withoutFacts > 0) {
    notes.push(`of ${withoutFacts} entries the facts are gone with their keys: only their ids were compared`)
  }
  notes.push('whether our log itself is whole is for `sallyport verify` to say')
  return notes
}
