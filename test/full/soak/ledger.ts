/**
 * What was written, and what an informer has heard of it. A change is named by what both know: the uid of what was
 * made or deleted, the resourceVersion of what was changed.
 */
export interface Ledger {
  wrote(change: string): void
  /** A new informer; it is told of what is written from now on. */
  informer(): Heard
  /** Changes that are written, whoever heard of them. */
  readonly written: number
}

export interface Heard {
  take(change: string): void
  readonly heard: number
  /** Heard more than once. */
  readonly twice: number
  /** Written and not heard. */
  missing(): readonly string[]
}

export function createLedger(): Ledger {
  const written = new Set<string>()
  return {
    wrote: change => void written.add(change),
    get written() {
      return written.size
    },
    informer() {
      const heard = new Set<string>()
      let twice = 0
      return {
        take(change) {
          if (heard.has(change)) twice += 1
          heard.add(change)
        },
        get heard() {
          return heard.size
        },
        get twice() {
          return twice
        },
        missing: () => [...written].filter(change => !heard.has(change)),
      }
    },
  }
}
