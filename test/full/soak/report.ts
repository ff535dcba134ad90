import type { Informer } from './crowd.ts'
import type { Ledger } from './ledger.ts'
import { median, quarter, type Sample } from './samples.ts'
import type { Tally } from './tally.ts'

/** A row for each kind of request: how many ended as they should, and how the others ended. */
export function requestLines(tally: Tally): string[] {
  const names = new Set([...tally.counts.keys()].map(key => key.split(' ')[1]!))
  const lines = [...names].sort().map(name => {
    const cell = (of: string): string => {
      const counts = tally.counts.get(`${of} ${name}`)
      if (counts === undefined) return '-'
      const wrong = [...counts.wrong].map(([outcome, count]) => `${count}× ${outcome}`)
      return [String(counts.ok), ...wrong].join(', ')
    }
    return `${name.padEnd(22)} gateway ${cell('gateway').padEnd(12)} direct ${cell('direct')}`
  })
  lines.push(`requests: gateway ${tally.total('gateway')}, direct ${tally.total('direct')}`)
  for (const [name, times] of tally.times) {
    const sorted = times.toSorted((a, b) => a - b)
    const at = (part: number): string => sorted[Math.floor(sorted.length * part)]?.toFixed(1) ?? '-'
    lines.push(`get ${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, p99.9 ${at(0.999)} ms`)
  }
  return lines
}

export function informerLine({ name, heard }: Informer, ledger: Ledger): string {
  const missing = heard.missing().length
  return `informer ${name}: ${heard.heard} changes heard, ${missing} of ${ledger.written} missing, ${heard.twice} twice`
}

/** Median of each quarter of a run; the first is warming up. */
export interface Quarters {
  readonly rss: readonly number[]
  readonly fds: readonly number[]
}

export function quartersOf(samples: readonly Sample[]): Quarters {
  const of = (field: 'rss' | 'fds'): number[] =>
    [0, 1, 2, 3].map(which => median(quarter(samples, which).map(each => each[field])))
  return { rss: of('rss'), fds: of('fds') }
}

export function processLines(
  who: string,
  samples: readonly Sample[],
  before: Sample,
  afterwards: Sample,
): string[] {
  const { rss, fds } = quartersOf(samples)
  const [first, last] = [samples[0]!, samples.at(-1)!]
  const share = (last.cpu - first.cpu) / ((last.at - first.at) / 1000)
  const megabytes = (value: number): string => value.toFixed(0)
  return [
    `${who}: by quarter ${rss.map(megabytes).join(' ')} MB, ${fds.join(' ')} descriptors; ${(share * 100).toFixed(0)} % of a core`,
    `${who} at rest: before ${megabytes(before.rss)} MB, ${before.fds} descriptors; after ${megabytes(afterwards.rss)} MB, ${afterwards.fds}`,
  ]
}

/** What the gateway's side does more than direct, with room for luck. */
const SHARE = 20

/** Outcomes that the gateway's side has had and direct has not, or far more often than its share of the requests. */
export function ownErrors(tally: Tally): string[] {
  const of = (side: string) => [...tally.counts].filter(([key]) => key.startsWith(`${side} `))
  const directly = new Map<string, number>()
  for (const [, { wrong }] of of('direct'))
    for (const [outcome, count] of wrong) directly.set(outcome, (directly.get(outcome) ?? 0) + count)
  return of('gateway').flatMap(([key, { wrong }]) =>
    [...wrong]
      .filter(([outcome, count]) => count > SHARE * (directly.get(outcome) ?? 0))
      .map(([outcome, count]) => `${key}: ${count}× ${outcome}`),
  )
}
