import type { FieldRule } from '../contract.ts'

interface Thread {
  readonly rule: FieldRule
  /** Members of the path that were passed. */
  readonly passed: number
  /** A container at the end of a path stands for everything in it. */
  readonly within: boolean
}

/**
 * Where a walk down an object stands among the field rules of its kind: all paths at once, as one state. States are made
 * when they are first met; names that no path mentions share one.
 */
export class FieldState {
  /** The rule for a value here: of several that reach it, the first. */
  readonly leaf: FieldRule | null
  readonly #threads: readonly Thread[]
  readonly #named = new Map<string, FieldState | null>()
  #other: FieldState | null | undefined

  constructor(threads: readonly Thread[]) {
    this.#threads = threads
    this.leaf = threads.find(t => t.passed === t.rule.path.length)?.rule ?? null
    for (const { rule, passed } of threads) {
      const name = rule.path[passed]
      if (name !== undefined && name !== '*') this.#named.set(name, this.#after(name))
    }
  }

  /** The state at a member or element; null when no rule can match there or below. */
  step(name: string): FieldState | null {
    const named = this.#named.get(name)
    if (named !== undefined) return named
    if (this.#other === undefined) this.#other = this.#after(null)
    return this.#other
  }

  #after(name: string | null): FieldState | null {
    const threads: Thread[] = []
    for (const thread of this.#threads) {
      const { rule, passed } = thread
      if (passed === rule.path.length) threads.push(thread.within ? thread : { ...thread, within: true })
      else if (rule.path[passed] === '*' || rule.path[passed] === name) {
        threads.push({ rule, passed: passed + 1, within: false })
      }
    }
    if (threads.length === 0) return null
    // Below the end of a path nothing changes any more: one state for all depths.
    if (
      threads.every(t => t.within) &&
      this.#threads.length === threads.length &&
      this.#threads.every(t => t.within)
    )
      return this
    return new FieldState(threads)
  }
}

/** Null when a kind has no rules. */
export function startOf(rules: readonly FieldRule[]): FieldState | null {
  return rules.length === 0 ? null : new FieldState(rules.map(rule => ({ rule, passed: 0, within: false })))
}
