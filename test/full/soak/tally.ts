/** What was done and how it ended, by side. An outcome is a status, or the name of what a client saw instead. */
export interface Tally {
  /** As it should end. */
  ok(side: string, kind: string): void
  wrong(side: string, kind: string, outcome: string, detail?: string): void
  readonly counts: ReadonlyMap<string, Counts>
  /** The first of each sort, for people. */
  readonly samples: readonly string[]
  /** Milliseconds of each small read, in order. */
  readonly times: ReadonlyMap<string, number[]>
  took(side: string, milliseconds: number): void
  /** Requests that ended, of all kinds. */
  total(side: string): number
}

export interface Counts {
  ok: number
  readonly wrong: Map<string, number>
}

const MOST_SAMPLES = 5

export function createTally(): Tally {
  const counts = new Map<string, Counts>()
  const samples: string[] = []
  const seen = new Map<string, number>()
  const times = new Map<string, number[]>()
  const of = (side: string, kind: string): Counts => {
    const key = `${side} ${kind}`
    let found = counts.get(key)
    if (found === undefined) {
      found = { ok: 0, wrong: new Map() }
      counts.set(key, found)
    }
    return found
  }
  return {
    counts,
    samples,
    times,
    took(side, milliseconds) {
      const of = times.get(side)
      if (of === undefined) times.set(side, [milliseconds])
      else of.push(milliseconds)
    },
    ok(side, kind) {
      of(side, kind).ok += 1
    },
    wrong(side, kind, outcome, detail = '') {
      const { wrong } = of(side, kind)
      wrong.set(outcome, (wrong.get(outcome) ?? 0) + 1)
      const key = `${side} ${kind} ${outcome}`
      const times = (seen.get(key) ?? 0) + 1
      seen.set(key, times)
      if (times > MOST_SAMPLES) return
      const line = `${new Date().toISOString()} ${key} ${detail.slice(0, 400)}`
      samples.push(line)
      process.stderr.write(`${line}\n`)
    },
    total(side) {
      let sum = 0
      for (const [key, { ok, wrong }] of counts) {
        if (!key.startsWith(`${side} `)) continue
        sum += ok
        for (const count of wrong.values()) sum += count
      }
      return sum
    },
  }
}

/** What a thrown error is called in the table: its code if it has one. */
export function outcomeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : error.message.slice(0, 80)
}
